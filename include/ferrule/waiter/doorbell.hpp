// Sleeping on a descriptor that another process rings: a pipe between strangers, or an eventfd between ends that trust
// each other. An event loop can watch it, and a pipe also tells when the other process is gone.
//
// The descriptors are the caller's, and outlive the ring (see net/doorbells.hpp for pipes that fit). A peer that has
// one end of a pipe can change its flags; no call made here waits whatever they are. Of an eventfd that cannot be said.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/barrier/symmetric.hpp>
#include <ferrule/concepts.hpp>
#include <ferrule/detail/bell.hpp>
#include <ferrule/detail/look_once.hpp>
#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::waiter {

struct doorbell {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = true;
    static constexpr bool wakes_everybody = false;  // Whoever drains the descriptor takes the others' wake-up with it.
    static constexpr bool crosses_processes = true;
    using barrier = ferrule::barrier::symmetric;

    int mine = -1;    ///< Readable when the peer has rung.
    int theirs = -1;  ///< Written to, to ring at the peer's.

    template <class Platform>
    class point {
    public:
        explicit point(const doorbell& at) noexcept : mine_{at.mine}, theirs_{at.theirs} {}

        template <class Look>
        [[nodiscard]] static polled poll(Look&& look, std::uint64_t want,
                                         std::chrono::steady_clock::time_point deadline) noexcept {
            return detail::look_once<Platform>(look, want, deadline);
        }

        template <class Word>
        void park(const Word& /*word*/, std::uint32_t /*seen*/, std::chrono::steady_clock::time_point deadline,
                  int life = -1) noexcept {
            mine_.wait(deadline, life);
            mine_.drain();
        }

        template <class Word>
        void unpark(const Word& /*word*/) noexcept {
            theirs_.ring();
        }

        /// Readable while there is a ring that nobody has taken, and for good once the peer is gone.
        [[nodiscard]] int fd() const noexcept { return mine_.fd(); }
        /// Takes a ring that came through an event loop.
        void drain() noexcept { mine_.drain(); }

        /// True once a wait or a drain has seen that nobody is left who could ring.
        [[nodiscard]] bool peer_is_gone() const noexcept { return mine_.is_dead(); }

    private:
        detail::bell mine_;
        detail::bell theirs_;
    };
};

}  // namespace ferrule::inline v0::waiter
