// Busy-polling, bounded: look, pause, look again, until the budget is spent; then give the processor away.
//
// Flow-aware: a consumer that pulls the producer's cursor over after every message makes both wait for the cache line.
// So when something small was found almost at once, which is what a flowing stream looks like, poll() lingers a moment
// for more to gather. A ping-pong between neighbouring processors looks the same, but there nothing gathers: each time
// lingering was in vain, it is left alone for twice as long.
//
// Scheduling sense: it yields now and then, and when a yield took long, somebody else needed the processor. Then the
// budget counts as spent, and the next polls are one look each.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <ferrule/barrier/symmetric.hpp>
#include <ferrule/concepts.hpp>
#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::waiter {

template <std::uint32_t Microseconds>
struct spin {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = false;
    static constexpr bool wakes_everybody = true;
    static constexpr bool crosses_processes = true;
    using barrier = ferrule::barrier::symmetric;

    /// As a budget: what a sleep and a wake cost here, measured once per process.
    static constexpr std::chrono::nanoseconds as_measured{-1};
    /// No budget is larger, whatever was asked for.
    static constexpr std::chrono::nanoseconds longest = std::chrono::milliseconds{1};

    /// How long a wait looks before it does something else. What the type says, unless said otherwise at run time.
    std::chrono::nanoseconds budget =
        Microseconds == measured ? as_measured : std::chrono::nanoseconds{std::chrono::microseconds{Microseconds}};

    template <class Platform>
    class point {
        using time_point = std::chrono::steady_clock::time_point;

    public:
        explicit point(const spin& how) noexcept
            : budget_{
                  std::min(longest, how.budget < std::chrono::nanoseconds{0} ? Platform::park_cost() : how.budget)} {}

        template <class Look>
        [[nodiscard]] polled poll(Look&& look, std::uint64_t want, time_point deadline) noexcept {
            std::uint64_t there = look();
            if (there >= want) {
                return polled::enough;
            }
            if (budget_ == std::chrono::nanoseconds{0} || counted_down(crowded_)) {
                return Platform::now() >= deadline ? polled::expired : polled::spent;
            }
            time_point begun{};
            for (std::uint32_t looks = 1;; ++looks) {
                Platform::pause();
                there = look();
                if (there >= want) {
                    linger_if_flowing(look, looks, there);
                    return polled::enough;
                }
                if (looks % looks_per_clock_reading == 0) {
                    const time_point now = Platform::now();
                    if (now >= deadline) {
                        return polled::expired;
                    }
                    // What is about to come comes before the first reading: a round trip does without any.
                    begun = looks == looks_per_clock_reading ? now : begun;
                    if (now - begun >= budget_ || (looks % looks_per_yield == 0 && somebody_waits(now))) {
                        return polled::spent;
                    }
                }
            }
        }

        /// Ends by itself, so nobody has to wake it.
        template <class Word>
        static void park(const Word& /*word*/, std::uint32_t /*seen*/, time_point /*deadline*/) noexcept {
            Platform::yield();
        }
        template <class Word>
        static void unpark(const Word& /*word*/) noexcept {}

        [[nodiscard]] std::chrono::nanoseconds budget() const noexcept { return budget_; }

    private:
        // A clock reading costs as much as several looks; a deadline is overrun by these few at most.
        static constexpr std::uint32_t looks_per_clock_reading = 16;
        static constexpr std::uint32_t looks_per_yield = 128;
        // A yield to nobody takes well under a microsecond; one that let somebody run takes a time slice.
        static constexpr std::chrono::microseconds yield_to_nobody{4};
        static constexpr std::uint32_t polls_skipped_when_crowded = 8;
        static constexpr std::uint32_t looks_that_mean_flow = 4;
        static constexpr std::uint64_t small_batch = 4096;
        static constexpr int pauses_to_linger = 8;
        static constexpr std::uint32_t longest_without_lingering = 255;

        template <class Look>
        void linger_if_flowing(Look& look, std::uint32_t looks, std::uint64_t there) noexcept {
            if (looks > looks_that_mean_flow || there >= small_batch || counted_down(no_linger_)) {
                return;
            }
            for (int i = 0; i != pauses_to_linger; ++i) {
                Platform::pause();
            }
            // Relaxed, statistics: as in counted_down().
            const std::uint32_t before = in_vain_.load(std::memory_order_relaxed);
            const std::uint32_t in_vain = look() > there ? 0 : std::min(2 * before + 1, longest_without_lingering);
            in_vain_.store(in_vain, std::memory_order_relaxed);
            no_linger_.store(in_vain, std::memory_order_relaxed);
        }

        [[nodiscard]] bool somebody_waits(time_point before) noexcept {
            Platform::yield();
            const bool waits = Platform::now() - before >= yield_to_nobody;
            if (waits) {
                crowded_.store(polls_skipped_when_crowded, std::memory_order_relaxed);
            }
            return waits;
        }

        using counter = typename Platform::template atomic<std::uint32_t>;

        /// True for as many calls as was stored in `left`.
        [[nodiscard]] static bool counted_down(counter& left) noexcept {
            // Relaxed, statistics: with guard::locked two threads may poll at once, and a miscount does not matter.
            const std::uint32_t rest = left.load(std::memory_order_relaxed);
            if (rest == 0) {
                return false;
            }
            left.store(rest - 1, std::memory_order_relaxed);
            return true;
        }

        std::chrono::nanoseconds budget_;
        counter crowded_{0};    // Polls to keep short, after somebody was seen to wait for the processor.
        counter no_linger_{0};  // Polls not to linger in.
        counter in_vain_{0};    // What no_linger_ began with the last time.
    };
};

}  // namespace ferrule::inline v0::waiter
