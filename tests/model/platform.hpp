// The platform under which the library runs in the checker: same members as detail::native, but every access is a step
// of the execution that is under way.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <ferrule/detail/native.hpp>

#include "execution.hpp"
#include "source_line.hpp"

namespace ferrule::model {

struct platform {
    using source = source_line;
    using time_point = std::chrono::steady_clock::time_point;

    template <class T>
    class atomic {
    public:
        atomic() : atomic(T{}) {}
        explicit(false) atomic(T value) : where_{here().create(static_cast<std::uint64_t>(value))} {}
        atomic(const atomic&) = delete;
        atomic& operator=(const atomic&) = delete;

        [[nodiscard]] T load(std::memory_order order, const source& at = source::current()) const {
            return static_cast<T>(here().load(where_, order, at));
        }
        /// What is there by now, as the kernel knows it.
        [[nodiscard]] T newest(const source& at = source::current()) const {
            return static_cast<T>(here().newest(where_, at));
        }
        void store(T value, std::memory_order order, const source& at = source::current()) {
            here().store(where_, static_cast<std::uint64_t>(value), order, at);
        }
        T exchange(T value, std::memory_order order, const source& at = source::current()) {
            return static_cast<T>(here().exchange(where_, static_cast<std::uint64_t>(value), order, at));
        }

        [[nodiscard]] location where() const noexcept { return where_; }

    private:
        location where_;
    };

    class mutex {
    public:
        mutex() : where_{here().create(0)} {}
        mutex(const mutex&) = delete;
        mutex& operator=(const mutex&) = delete;
        void lock() { here().lock(where_, held_, knowledge_); }
        void unlock() { here().unlock(where_, held_, knowledge_); }

    private:
        location where_;
        bool held_ = false;
        view knowledge_{};
    };

    class event {
    public:
        event() : where_{here().create(0)} {}
        event(const event&) = delete;
        event& operator=(const event&) = delete;
        [[nodiscard]] int fd() const noexcept { return static_cast<int>(where_); }
        void signal() noexcept { here().signal(where_); }
        void drain() noexcept { here().drain(where_); }
        void wait(time_point deadline) noexcept { here().futex_wait(where_, 0, deadline); }

    private:
        location where_;
    };

    [[nodiscard]] static std::uintptr_t thread_id() noexcept { return here().self() + 1; }

    /// The thread goes on once there is something new in what it looked at. In a loop of the library's, all of which
    /// are bounded, it may also go through what is left of the loop without any news.
    static void pause(const source& at = source::current()) noexcept { here().pause(at); }
    static void yield(const source& at = source::current()) noexcept { here().yield(at); }

    static void full_fence(const source& at = source::current()) noexcept {
        here().fence(std::memory_order_seq_cst, at);
    }
    /// Nothing by itself: the modelled machine delays stores and reads old messages, but keeps the program's order.
    static void light_fence(const source& at = source::current()) noexcept { here().light_fence(at); }
    [[nodiscard]] static bool heavy_fence(const source& at = source::current()) noexcept {
        return has_heavy_fence() && here().heavy_fence(at);
    }
    [[nodiscard]] static bool has_heavy_fence() noexcept { return here().has_heavy_fence(); }

    template <class Scope>
    static void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline,
                           Scope /*scope*/) noexcept {
        here().futex_wait(word.where(), expected, deadline);
    }
    template <class Scope>
    static void futex_wake(const atomic<std::uint32_t>& word, Scope /*scope*/) noexcept {
        here().futex_wake(word.where());
    }

    /// Stands still, but for deadlines that pass and spinners who give up.
    [[nodiscard]] static time_point now() noexcept { return here().now(); }
    [[nodiscard]] static std::chrono::nanoseconds park_cost() noexcept { return std::chrono::nanoseconds{0}; }

    template <class T>
    static void copy_in(T* slots, const T* from, std::size_t n) noexcept {
        here().touch(slots, n * sizeof(T), access::write);
        detail::native::copy_in(slots, from, n);
    }
    template <class T>
    static void copy_out(T* to, const T* slots, std::size_t n) noexcept {
        here().touch(slots, n * sizeof(T), access::read);
        detail::native::copy_out(to, slots, n);
    }
    template <class T, class... Args>
    static void construct(T* slot, Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
        here().touch(slot, sizeof(T), access::write);
        detail::native::construct(slot, std::forward<Args>(args)...);
    }
    template <class T>
    static T take(T* slot) noexcept {
        here().touch(slot, sizeof(T), access::read);
        return detail::native::take(slot);
    }
    template <class T>
    static void wrote(const T* slots, std::size_t n) noexcept {
        here().touch(slots, n * sizeof(T), access::write);
    }
    template <class T>
    static void retire(T* slots, std::size_t n) noexcept {
        here().touch(slots, n * sizeof(T), access::read);
        detail::native::retire(slots, n);
    }
};

/// One plain variable of a modelled program: two accesses that nothing orders are a data race.
template <class T>
class plain {
public:
    explicit plain(T value) : value_{value} {
        here().declare(&value_, 1, sizeof(T));
        write(value);
    }
    [[nodiscard]] T read() const {
        here().touch(&value_, sizeof(T), access::read);
        return value_;
    }
    void write(T value) {
        here().touch(&value_, sizeof(T), access::write);
        value_ = value;
    }

private:
    T value_;
};

/// What holds in every execution, or the exploration stops there.
inline void require(bool holds, const char* otherwise) {
    if (!holds) {
        here().fail(otherwise);
    }
}

/// The program came to the state it was written to look for.
inline void reached(bool so) {
    if (so) {
        here().reached();
    }
}

/// What an event loop does with a descriptor of the library's: sleeps until it is readable.
inline void poll_until_readable(int fd) {
    here().futex_wait(static_cast<location>(fd), 0, platform::time_point::max());
}

/// True once this thread can know that `thread` crashed.
[[nodiscard]] inline bool gone(unsigned thread, const source_line& at = source_line::current()) {
    return here().gone(thread, at);
}

}  // namespace ferrule::model
