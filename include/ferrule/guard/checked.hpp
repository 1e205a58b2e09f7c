// Two calls that overlap in one end are a bug of the caller's: say so and stop, before the ring is damaged further.
//
// The word counts: even = nobody inside, odd = a call is running. A call remembers the value it set; if the word is
// odd on the way in, or not that value on the way out, another call was in here meanwhile. Plain loads and stores, so
// it costs two of each and no locked instruction. Two calls that overlap for less time than a store takes to become
// visible can slip through once; a program that does it habitually is caught. Handing an end to another thread is
// legal, with whatever synchronises the hand-over.
#pragma once

#include <atomic>
#include <cstdint>

#include <ferrule/detail/failure.hpp>

namespace ferrule::inline v0::guard {

struct checked {
    template <class Platform>
    class state {
    public:
        using token = std::uint32_t;

        [[nodiscard]] token enter() noexcept {
            // Relaxed, hint: a detector, not a lock; checked again in leave().
            const token before = calls_.load(std::memory_order_relaxed);
            if ((before & 1U) != 0) [[unlikely]] {
                overlap();
            }
            calls_.store(before + 1, std::memory_order_relaxed);
            return before + 1;
        }
        void leave(token mine) noexcept {
            if (calls_.load(std::memory_order_relaxed) != mine) [[unlikely]] {
                overlap();
            }
            calls_.store(mine + 1, std::memory_order_relaxed);
        }
        static constexpr void idle() noexcept {}
        static constexpr void resume() noexcept {}

    private:
        [[noreturn]] static void overlap() noexcept {
            detail::misuse("two calls overlap in one end; give each end to one thread at a time, or use guard::locked");
        }

        typename Platform::template atomic<std::uint32_t> calls_{0};
    };
};

}  // namespace ferrule::inline v0::guard
