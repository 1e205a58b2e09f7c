// Whose turn it is in one direction of a stream: a call's, or somebody's who wants to see what an event loop has to
// wait for. Nobody waits for a call: who finds one under way leaves a word, and it looks before it ends.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#include <ferrule/detail/failure.hpp>

namespace ferrule::inline v0::net {

class turn {
public:
    /// A call begins. Stops the program if another one is under way; waits for whoever looks, which is soon over.
    void begin_call() noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((now & called) != 0) [[unlikely]] {
                ferrule::detail::misuse("two calls overlap in one direction of a stream");
            }
            if ((now & taken) != 0) {
                ::sched_yield();
                now = state_.load(std::memory_order_relaxed);
            } else if (state_.compare_exchange_weak(now, now | taken | called, std::memory_order_acquire,
                                                    std::memory_order_relaxed)) {
                return;
            }
        }
    }

    /// Somebody wants to look. False if it is another's turn, who will look once more before it ends.
    [[nodiscard]] bool begin_look() noexcept {
        if ((state_.fetch_or(taken | asked, std::memory_order_acq_rel) & taken) != 0) {
            return false;
        }
        state_.fetch_and(~asked, std::memory_order_acq_rel);
        return true;
    }

    /// Before a turn ends, after a look. False if that look may be too old for somebody: then look, and ask again.
    [[nodiscard]] bool end() noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed) & ~asked;
        if (state_.compare_exchange_strong(now, 0, std::memory_order_release, std::memory_order_relaxed)) {
            return true;
        }
        state_.fetch_and(~asked, std::memory_order_acq_rel);
        return false;
    }

private:
    static constexpr std::uint32_t taken = 1;
    static constexpr std::uint32_t asked = 2;
    static constexpr std::uint32_t called = 4;

    std::atomic<std::uint32_t> state_{0};
};

}  // namespace ferrule::inline v0::net
