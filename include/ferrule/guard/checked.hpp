// Two calls that overlap in one end are a bug of the caller's: say so and stop, before the ring is damaged further.
//
// The end remembers its owner, the thread that called it last. A brief call, such as try_write(), finds its thread to
// be the owner on the way in and on the way out, and stores nothing: the stores of a call are what limits a stream of
// small elements. A call that may last, such as a wait, or a grant, also marks the end while it is inside.
//
// Another thread takes ownership with exchanges and a heavy fence. Whatever the owner did before that fence is done,
// and visible to the newcomer; a brief call that goes on behind it finds on its way out that it does not own the end
// any more. A mark that was there tells the newcomer. Handing an end to another thread is legal, with whatever
// synchronises the hand-over, and costs that fence once.
#pragma once

#include <atomic>
#include <cstdint>

#include <ferrule/detail/failure.hpp>

namespace ferrule::inline v0::guard {

struct checked {
    static constexpr bool many_threads = false;

    template <class Platform>
    class state {
    public:
        using token = std::uintptr_t;

        /// A call that ends without waiting for anybody, and calls nobody.
        [[nodiscard, gnu::always_inline]] token enter_briefly() noexcept {
            const token me = Platform::thread_id();
            // Relaxed throughout: a detector, not a lock. The order of the mark and the ownership is what matters.
            if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
                take_ownership(me);
                inside_.store(0, std::memory_order_relaxed);
                return me;
            }
            if (inside_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
                overlap();
            }
            return me;
        }
        [[gnu::always_inline]] void leave_briefly(token me) noexcept {
            // Pairs with the heavy fence in take_ownership(): without it this call could read that it still owns the
            // end before the last of what it did can be seen by a newcomer.
            Platform::light_fence();
            if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
                overlap();  // Somebody came in meanwhile.
            }
        }

        [[nodiscard]] token enter() noexcept {
            const token me = Platform::thread_id();
            if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
                take_ownership(me);
                return me;
            }
            if (inside_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
                overlap();
            }
            inside_.store(me, std::memory_order_relaxed);
            // Pairs with the heavy fence in take_ownership(): without it this call could read that it still owns the
            // end before the other thread can see the mark.
            Platform::light_fence();
            if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
                overlap();  // Somebody came in just now, and our mark may have hidden theirs.
            }
            return me;
        }
        void leave(token me) noexcept {
            if (inside_.load(std::memory_order_relaxed) != me) [[unlikely]] {
                overlap();
            }
            inside_.store(0, std::memory_order_relaxed);
        }
        static constexpr void idle() noexcept {}
        static constexpr void resume() noexcept {}

    private:
        [[gnu::noinline]] void take_ownership(token me) noexcept {
            if (inside_.exchange(me, std::memory_order_relaxed) != 0) {
                overlap();
            }
            const bool from_another = owner_.exchange(me, std::memory_order_relaxed) != 0;
            if (from_another && Platform::has_heavy_fence()) {
                (void)Platform::heavy_fence();  // Where the kernel refuses it, no fence of ours alone would do.
            }
            if (inside_.load(std::memory_order_relaxed) != me) {
                overlap();
            }
        }

        [[noreturn, gnu::noinline, gnu::cold]] static void overlap() noexcept {
            detail::misuse("two calls overlap in one end; give each end to one thread at a time, or use guard::locked");
        }

        typename Platform::template atomic<std::uintptr_t> inside_{0};  // Who is in a call; 0 = nobody.
        typename Platform::template atomic<std::uintptr_t> owner_{0};   // Who called last; 0 = nobody yet.
    };
};

}  // namespace ferrule::inline v0::guard
