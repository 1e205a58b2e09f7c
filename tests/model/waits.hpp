// What the programs that wait have in common.
#pragma once

#include <ferrule/waiter/futex.hpp>

#include "barriers.hpp"
#include "rings.hpp"

namespace ferrule::model {

// The far end of time, so that a lost wakeup shows as everybody waiting. The naps that the library takes for
// convenience do end.
inline constexpr auto forever = platform::time_point::max();

template <class Barrier>
using futex = waiter::futex<futex_scope::process_private, Barrier>;

inline constexpr hazards deadlines_pass{.timeouts = true};
inline constexpr hazards woken_by_nobody{.spurious_wakes = 1, .timeouts = true};

inline constexpr limits all_of_it{};
constexpr limits up_to(unsigned preemptions) noexcept { return {.preemptions = preemptions}; }

/// Both sides wait whenever there is nothing to do; then the writer closes.
template <std::size_t N, class Cursor, class Waiter, std::uint64_t Start, std::uint32_t Count>
struct both_wait : pipe<std::uint32_t, N, Cursor, Start, Waiter> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!this->tx.try_push(i)) {
                require(this->tx.wait_writable(1, forever) == status::ok, "no room, and no end");
            }
        }
        this->tx.close();
    }
    void read_all() {
        std::uint32_t received = 0;
        while (this->rx.wait_readable(1, forever) == status::ok) {
            require(this->rx.try_pop() == received++, "elements out of order");
        }
        require(received == Count, "the stream ended before its last element");
    }
};

}  // namespace ferrule::model
