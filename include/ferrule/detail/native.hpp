// The platform seam: everything a ring does to memory that another thread may see, and everything it asks of the
// machine, goes through a Platform. This is the real one, and compiles to nothing. A model checker supplies another
// with the same members, whose atomics are recorded and whose every step can be scheduled.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace ferrule::inline v0::detail {

struct native {
    template <class T>
    using atomic = std::atomic<T>;
    using mutex = std::mutex;

    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "cursors are shared between processes");

    /// Tells the processor that this thread is looking again and again.
    [[gnu::always_inline]] static void pause() noexcept {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        // isb rather than yield, which most aarch64 cores treat as a no-op.
        __asm__ __volatile__("isb" ::: "memory");
#endif
    }

    /// Lets another runnable thread have this processor.
    static void yield() noexcept { ::sched_yield(); }

    /// CLOCK_MONOTONIC.
    static std::chrono::steady_clock::time_point now() noexcept { return std::chrono::steady_clock::now(); }

    /// Copies `n` elements of the caller's into slots.
    template <class T>
    [[gnu::always_inline]] static void copy_in(T* slots, const T* from, std::size_t n) noexcept {
        static_assert(std::is_trivially_copyable_v<T>);
        std::memcpy(static_cast<void*>(slots), from, n * sizeof(T));
    }

    /// Copies `n` slots out to the caller.
    template <class T>
    [[gnu::always_inline]] static void copy_out(T* to, const T* slots, std::size_t n) noexcept {
        static_assert(std::is_trivially_copyable_v<T>);
        std::memcpy(static_cast<void*>(to), slots, n * sizeof(T));
    }

    /// Begins an element's life in a slot.
    template <class T, class... Args>
    [[gnu::always_inline]] static void construct(T* slot,
                                                 Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
        std::construct_at(slot, std::forward<Args>(args)...);
    }

    /// Moves an element out of its slot and ends its life there.
    template <class T>
    [[gnu::always_inline]] static T take(T* slot) noexcept {
        static_assert(std::is_nothrow_move_constructible_v<T>);
        T taken = std::move(*slot);
        std::destroy_at(slot);
        return taken;
    }

    /// The caller wrote these slots itself, through a grant.
    template <class T>
    [[gnu::always_inline]] static void wrote(const T*, std::size_t) noexcept {}

    /// The caller read these slots itself, through a grant; their elements' lives end here.
    template <class T>
    [[gnu::always_inline]] static void retire(T* slots, std::size_t n) noexcept {
        std::destroy_n(slots, n);
    }
};

}  // namespace ferrule::inline v0::detail
