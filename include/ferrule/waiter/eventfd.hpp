// Sleeping on a descriptor: for programs whose event loop must be able to wait for the ring among other things.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/look_once.hpp>
#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::waiter {

template <class Barrier>
struct basic_eventfd {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = true;
    static constexpr bool wakes_everybody = false;  // Whoever drains the descriptor takes the others' wake-up with it.
    using barrier = Barrier;

    template <class Platform>
    class point {
    public:
        /// Throws std::system_error if there is no descriptor to be had.
        explicit point(const basic_eventfd&) {}

        template <class Look>
        [[nodiscard]] static polled poll(Look&& look, std::uint64_t want,
                                         std::chrono::steady_clock::time_point deadline) noexcept {
            return detail::look_once<Platform>(look, want, deadline);
        }

        template <class Word>
        void park(const Word& /*word*/, std::uint32_t /*seen*/,
                  std::chrono::steady_clock::time_point deadline) noexcept {
            event_.wait(deadline);
            event_.drain();
        }

        template <class Word>
        void unpark(const Word& /*word*/) noexcept {
            event_.signal();
        }

        /// Readable while there is a wake-up that nobody has taken.
        [[nodiscard]] int fd() const noexcept { return event_.fd(); }
        /// Takes a wake-up that came through an event loop.
        void drain() noexcept { event_.drain(); }

    private:
        typename Platform::event event_;
    };
};

}  // namespace ferrule::inline v0::waiter
