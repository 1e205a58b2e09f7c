// A platform that lets a test step in before any access to a shared word: to count it, to run a piece of "the other
// thread" at exactly that point, or to put a hostile value in its place. One real thread only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <utility>

#include <ferrule/detail/native.hpp>

namespace ferrule::test {

enum class access_kind { load, store, exchange };

struct shared_access {
    access_kind kind;
    const void* word;
    std::memory_order order;
    std::size_t width;
    std::size_t index;  ///< How many accesses came before this one since the script began.
};

struct scripted : ferrule::detail::native {
    /// What to do before an access. A result other than the value passed in is what a load returns.
    using script = std::function<std::uint64_t(const shared_access&, std::uint64_t value)>;

    /// Runs `body` with `what` stepping in before each of its accesses, but not before those of `what` itself.
    template <class Body>
    static auto with(script what, Body body) {
        struct restore {
            ~restore() { current = nullptr; }
        } at_the_end;
        current = std::move(what);
        count = 0;
        return body();
    }

    template <class T>
    class atomic {
    public:
        atomic() noexcept = default;
        explicit(false) atomic(T value) noexcept : value_{value} {}

        [[nodiscard]] T load(std::memory_order order) const noexcept {
            const T value = value_.load(order);
            const auto seen = static_cast<T>(step(access_kind::load, order, value));
            // The script may have changed the word itself; a value of its own wins over that.
            return seen != value ? seen : value_.load(order);
        }
        void store(T value, std::memory_order order) noexcept {
            step(access_kind::store, order, value);
            value_.store(value, order);
        }
        T exchange(T value, std::memory_order order) noexcept {
            step(access_kind::exchange, order, value);
            return value_.exchange(value, order);
        }

        /// The value, without a step of the script.
        [[nodiscard]] T peek() const noexcept { return value_.load(std::memory_order_relaxed); }

    private:
        std::uint64_t step(access_kind kind, std::memory_order order, T value) const {
            if (current == nullptr) {
                return static_cast<std::uint64_t>(value);
            }
            const script what = std::exchange(current, nullptr);
            const std::uint64_t result =
                what(shared_access{kind, this, order, sizeof(T), count++}, static_cast<std::uint64_t>(value));
            current = what;
            return result;
        }

        std::atomic<T> value_{};
    };

    /// What happens while this thread sleeps: the script's other thread acts, or nothing does.
    static void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t seen,
                           std::chrono::steady_clock::time_point deadline, futex_scope) {
        ++sleeps;
        if (word.peek() == seen && while_asleep) {
            while_asleep(deadline);
        }
    }
    static void futex_wake(const atomic<std::uint32_t>&, futex_scope) noexcept { ++wakes; }
    static std::chrono::nanoseconds park_cost() noexcept { return std::chrono::microseconds{100}; }

    /// A clock that only a test moves.
    static std::chrono::steady_clock::time_point now() noexcept { return time; }
    static void yield() noexcept {
        ++yields;
        time += yield_takes;
    }

    static inline script current = nullptr;
    static inline std::size_t count = 0;
    static inline std::chrono::steady_clock::time_point time{};
    static inline std::size_t yields = 0;
    static inline std::chrono::nanoseconds yield_takes{0};
    static inline std::function<void(std::chrono::steady_clock::time_point deadline)> while_asleep = nullptr;
    static inline std::size_t sleeps = 0;
    static inline std::size_t wakes = 0;
};

}  // namespace ferrule::test
