// Busy-polling, bounded: look, pause, look again, until the budget is spent; then give the processor away.
//
// Flow-aware: a consumer that pulls the producer's cursor over after every message makes both wait for the cache line.
// So when something small was found almost at once, which is what a flowing stream looks like, poll() lingers a moment
// for more to gather. In a ping-pong it had to look many times, and never lingers.
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
            if (budget_ == std::chrono::nanoseconds{0} || crowded()) {
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

        template <class Look>
        static void linger_if_flowing(Look& look, std::uint32_t looks, std::uint64_t there) noexcept {
            if (looks <= looks_that_mean_flow && there < small_batch) {
                for (int i = 0; i != pauses_to_linger; ++i) {
                    Platform::pause();
                }
                look();
            }
        }

        [[nodiscard]] bool somebody_waits(time_point before) noexcept {
            Platform::yield();
            const bool waits = Platform::now() - before >= yield_to_nobody;
            if (waits) {
                skip_.store(polls_skipped_when_crowded, std::memory_order_relaxed);
            }
            return waits;
        }

        /// True for a while after somebody was seen to wait for the processor.
        [[nodiscard]] bool crowded() noexcept {
            // Relaxed, statistics: with guard::locked two threads may poll at once, and a miscount does not matter.
            const std::uint32_t skip = skip_.load(std::memory_order_relaxed);
            if (skip == 0) {
                return false;
            }
            skip_.store(skip - 1, std::memory_order_relaxed);
            return true;
        }

        std::chrono::nanoseconds budget_;
        typename Platform::template atomic<std::uint32_t> skip_{0};
    };
};

}  // namespace ferrule::inline v0::waiter
