// The real machine, but no thread keeps its processor for long: before any access to a shared word it may be made to
// yield. Between the two halves of a race there is then often time for the other thread to come in.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include <ferrule/detail/native.hpp>

namespace ferrule::test {

struct restless : ferrule::detail::native {
    /// How seldom a thread yields: once in so many accesses.
    static constexpr std::uint32_t one_in = 8;

    static void maybe_yield() noexcept {
        // xorshift, seeded by the thread: every thread takes a way of its own.
        thread_local std::uint32_t state = static_cast<std::uint32_t>(thread_id() >> 6U) | 1U;
        state ^= state << 13U;
        state ^= state >> 17U;
        state ^= state << 5U;
        if (state % one_in == 0) {
            ::sched_yield();
            ++yields;
        }
    }

    template <class T>
    class atomic {
    public:
        atomic() noexcept = default;
        explicit(false) atomic(T value) noexcept : value_{value} {}

        [[nodiscard]] T load(std::memory_order order) const noexcept {
            maybe_yield();
            return value_.load(order);
        }
        void store(T value, std::memory_order order) noexcept {
            maybe_yield();
            value_.store(value, order);
        }
        T exchange(T value, std::memory_order order) noexcept {
            maybe_yield();
            return value_.exchange(value, order);
        }
        [[nodiscard]] const void* address() const noexcept { return &value_; }

    private:
        std::atomic<T> value_{};
    };

    static void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::chrono::steady_clock::time_point deadline, futex_scope scope) noexcept {
        maybe_yield();
        ferrule::detail::futex_wait(word.address(), expected, deadline, scope);
    }
    static void futex_wake(const atomic<std::uint32_t>& word, futex_scope scope) noexcept {
        maybe_yield();
        ferrule::detail::futex_wake(word.address(), scope);
    }

    static inline thread_local std::uint64_t yields = 0;
};

}  // namespace ferrule::test
