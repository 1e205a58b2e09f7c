// Two rings in this process, one for each direction, with the waiter of choice.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <ferrule/ferrule.hpp>

namespace ferrule::bench {

template <class Waiter>
struct heap_ring_path {
    static constexpr const char* name = "ring";
    static constexpr std::size_t capacity = 256 * 1024;

    using ring_type = heap_ring<std::byte, Waiter>;
    struct rings {
        ring_type there{capacity};
        ring_type back{capacity};
    };

    class end {
    public:
        end(std::shared_ptr<rings> shared, ring_type& out, ring_type& in)
            : shared_{std::move(shared)}, tx_{out.claim_producer()}, rx_{in.claim_consumer()} {}

        void send(std::span<const std::byte> bytes) {
            for (;;) {
                bytes = bytes.subspan(tx_.try_write(bytes));
                if (bytes.empty()) {
                    return;
                }
                (void)tx_.wait_writable(1, no_deadline);
            }
        }

        [[nodiscard]] std::size_t receive(std::span<std::byte> to) {
            for (;;) {
                if (const std::size_t n = rx_.try_read(to); n != 0) {
                    return n;
                }
                if (rx_.wait_readable(1, no_deadline) == status::closed) {
                    return 0;
                }
            }
        }

        void finish_sending() { tx_.close(); }

    private:
        std::shared_ptr<rings> shared_;  // First: outlives the ends.
        typename ring_type::producer_type tx_;
        typename ring_type::consumer_type rx_;
    };

    [[nodiscard]] static std::pair<end, end> connect() {
        auto shared = std::make_shared<rings>();
        return {end{shared, shared->there, shared->back}, end{shared, shared->back, shared->there}};
    }
};

/// As users get it: spin for what a sleep would cost, then sleep.
struct default_ring : heap_ring_path<default_waiter> {
    static constexpr const char* name = "ring";
};
/// Never spins: what a wake costs.
struct parked_ring : heap_ring_path<waiter::futex<>> {
    static constexpr const char* name = "ring, parked";
};

}  // namespace ferrule::bench
