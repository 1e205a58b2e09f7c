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

#include <ferrule/detail/event.hpp>
#include <ferrule/detail/futex.hpp>
#include <ferrule/detail/membarrier.hpp>
#include <ferrule/detail/park_cost.hpp>

// ThreadSanitizer does not model fences (and GCC refuses to compile them under it), so it is shown an exchange instead.
#if defined(__SANITIZE_THREAD__)
#define FERRULE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FERRULE_TSAN 1
#endif
#endif

namespace ferrule::inline v0::detail {

struct native {
    template <class T>
    using atomic = std::atomic<T>;
    using mutex = std::mutex;
    using event = detail::event;

    static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "futexes are 32 bits");
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "cursors are shared between processes");

    /// Tells one living thread from another; never 0. The address of the thread's own control block, which the ABI
    /// keeps in a register: one instruction, where a thread_local in a shared library would be a call.
    [[nodiscard, gnu::always_inline]] static std::uintptr_t thread_id() noexcept {
        std::uintptr_t id = 0;
#if defined(__x86_64__)
        __asm__ __volatile__("mov %%fs:0, %0" : "=r"(id));
#elif defined(__aarch64__)
        __asm__ __volatile__("mrs %0, tpidr_el0" : "=r"(id));
#else
#error "ferrule knows x86-64 and aarch64"
#endif
        return id;
    }

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

    /// Orders every access before it against every access after it, a store against a later load included.
    /// The only fence in the library.
    [[gnu::always_inline]] static void full_fence() noexcept {
#if defined(FERRULE_TSAN)
        static std::atomic<int> word{0};
        word.exchange(0, std::memory_order_seq_cst);
#else
        std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
    }

    /// Holds the compiler to the order of the program; the processor is held to it by the other side's heavy_fence().
    [[gnu::always_inline]] static void light_fence() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

    /// Makes every light_fence() that another thread of this process is at a full one. False if it could not.
    [[nodiscard]] static bool heavy_fence() noexcept { return membarrier(); }

    /// True if heavy_fence() will work. Asked before the first light_fence() is relied on.
    [[nodiscard]] static bool has_heavy_fence() noexcept { return register_membarrier(); }

    /// Sleeps while `word` is `expected`; see detail/futex.hpp.
    static void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::chrono::steady_clock::time_point deadline, futex_scope scope) noexcept {
        detail::futex_wait(&word, expected, deadline, scope);
    }

    /// Wakes everybody who sleeps on `word`.
    static void futex_wake(const atomic<std::uint32_t>& word, futex_scope scope) noexcept {
        detail::futex_wake(&word, scope);
    }

    /// CLOCK_MONOTONIC.
    static std::chrono::steady_clock::time_point now() noexcept { return std::chrono::steady_clock::now(); }

    /// What a sleep and a wake cost here; see detail/park_cost.hpp.
    [[nodiscard]] static std::chrono::nanoseconds park_cost() noexcept { return detail::park_cost(); }

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
