// Sleeping in the kernel until woken. Costs nothing while asleep, and a wake costs what the kernel's wake costs.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/look_once.hpp>
#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::waiter {

template <futex_scope Scope, class Barrier>
struct futex {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = true;
    static constexpr bool wakes_everybody = true;
    static constexpr bool crosses_processes = Scope == futex_scope::process_shared && process_shared<Barrier>;
    using barrier = Barrier;

    template <class Platform>
    struct point {
        explicit point(const futex&) noexcept {}

        template <class Look>
        [[nodiscard]] static polled poll(Look&& look, std::uint64_t want,
                                         std::chrono::steady_clock::time_point deadline) noexcept {
            return detail::look_once<Platform>(look, want, deadline);
        }

        template <class Word>
        static void park(const Word& word, std::uint32_t seen,
                         std::chrono::steady_clock::time_point deadline) noexcept {
            Platform::futex_wait(word, seen, deadline, Scope);
        }

        template <class Word>
        static void unpark(const Word& word) noexcept {
            Platform::futex_wake(word, Scope);
        }
    };
};

}  // namespace ferrule::inline v0::waiter
