// Policies that offer exactly what the concepts ask for and nothing else: what compiles with these uses no more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <ferrule/concepts.hpp>

namespace ferrule::test {

/// A storage that is not one of ours: a plain array with a geometry that counts modulo.
template <class T, std::size_t N>
struct plain_storage {
    struct modulo {
        [[nodiscard]] static std::size_t capacity() noexcept { return N; }
        [[nodiscard]] static std::size_t offset(std::uint64_t cursor) noexcept { return cursor % N; }
        [[nodiscard]] static std::size_t first_piece(std::uint64_t cursor, std::size_t n) noexcept {
            const std::size_t rest = N - offset(cursor);
            return n < rest ? n : rest;
        }
    };
    using value_type = T;
    using geometry_type = modulo;
    [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(bytes); }
    [[nodiscard]] static modulo geometry() noexcept { return {}; }

    alignas(T) std::byte bytes[N * sizeof(T)];
};

/// Remembers, and never publishes on its own: only publish(), a full or empty ring, a wait, close() and the end's
/// death do.
struct holds_back {
    [[nodiscard]] static bool enough(std::uint64_t remembered, std::uint64_t wanted) noexcept {
        return remembered >= wanted;
    }
    [[nodiscard]] static bool publish_now(std::uint64_t) noexcept { return false; }
};

struct open_guard {
    static constexpr bool many_threads = false;
    template <class Platform>
    struct state {
        using token = int;
        token enter_briefly() noexcept { return 8; }
        void leave_briefly(token) noexcept {}
        token enter() noexcept { return 7; }
        void leave(token) noexcept {}
        void idle() noexcept {}
        void resume() noexcept {}
    };
};

struct plain_barrier {
    template <class Platform>
    struct state {
        void light() noexcept { Platform::full_fence(); }
        bool heavy() noexcept {
            Platform::full_fence();
            return true;
        }
    };
};

/// Looks once a round, and leaves the rest to park().
struct patient {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = false;
    static constexpr bool wakes_everybody = true;
    using barrier = plain_barrier;

    template <class Platform>
    struct point {
        explicit point(const patient&) noexcept {}
        template <class Look>
        polled poll(Look&& look, std::uint64_t want, std::chrono::steady_clock::time_point deadline) noexcept {
            if (look() >= want) {
                return polled::enough;
            }
            return Platform::now() >= deadline ? polled::expired : polled::spent;
        }
        template <class Word>
        void park(const Word&, std::uint32_t, std::chrono::steady_clock::time_point) noexcept {
            Platform::yield();
        }
        template <class Word>
        void unpark(const Word&) noexcept {}
    };
};

static_assert(storage_policy<plain_storage<int, 4>>);
static_assert(cursor_policy<holds_back>);
static_assert(guard_policy<open_guard>);
static_assert(waiter_policy<patient>);

}  // namespace ferrule::test
