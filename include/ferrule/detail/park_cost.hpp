// What it costs here to fall asleep and be woken, measured once per process: the time that is worth spinning for.
//
// A round trip of two sleepers, not half of it: an end whose peer sleeps gets its answer after the peer's wake-up. Were
// it to give up spinning before, it would sleep too, and so would the peer next time, and so on: two ends that could
// answer in a microsecond would go on waking each other for ever.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <ferrule/detail/futex.hpp>

namespace ferrule::inline v0::detail {

/// Two threads that wake each other in turn, on one word: even, the first one's turn; odd, the second one's.
class wake_ping_pong {
public:
    /// The median round trip, or `otherwise` if no second thread is to be had.
    [[nodiscard]] static std::chrono::nanoseconds measure(std::chrono::nanoseconds otherwise) noexcept {
        wake_ping_pong game;
        ::sigset_t all;
        ::sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);  // No handler of the program's runs on our thread.
        ::pthread_t thread;
        const bool started = ::pthread_create(&thread, nullptr, &answer, &game) == 0;
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (!started) {
            return otherwise;
        }
        std::array<std::chrono::nanoseconds, rounds> trips{};
        for (std::uint32_t i = 0; i != rounds; ++i) {
            const auto begun = std::chrono::steady_clock::now();
            game.pass(2 * i + 1);
            game.await(2 * i + 2);
            trips[i] = std::chrono::steady_clock::now() - begun;
        }
        ::pthread_join(thread, nullptr);
        std::nth_element(trips.begin(), trips.begin() + rounds / 2, trips.end());
        return trips[rounds / 2];
    }

private:
    static constexpr std::uint32_t rounds = 15;

    static void* answer(void* arg) noexcept {
        auto& game = *static_cast<wake_ping_pong*>(arg);
        for (std::uint32_t i = 0; i != rounds; ++i) {
            game.await(2 * i + 1);
            game.pass(2 * i + 2);
        }
        return nullptr;
    }
    void pass(std::uint32_t turn) noexcept {
        turn_.store(turn, std::memory_order_release);
        futex_wake(&turn_, futex_scope::process_private);
    }
    void await(std::uint32_t turn) noexcept {
        for (std::uint32_t now = 0; (now = turn_.load(std::memory_order_acquire)) != turn;) {
            futex_wait(&turn_, now, std::chrono::steady_clock::time_point::max(), futex_scope::process_private);
        }
    }

    std::atomic<std::uint32_t> turn_{0};
};

/// Between 5 and 100 microseconds, whatever the measurement says: a machine that was busy just then must not decide
/// that this process spins for ever.
[[nodiscard]] inline std::chrono::nanoseconds park_cost() noexcept {
    using std::chrono::microseconds, std::chrono::nanoseconds;
    // Two threads that come first at once both measure: nobody waits for the other, nor does a child forked meanwhile.
    static constinit std::atomic<nanoseconds::rep> known{0};
    nanoseconds cost{known.load(std::memory_order_relaxed)};  // Relaxed, the value is all there is.
    if (cost == nanoseconds{0}) [[unlikely]] {
        cost = std::clamp<nanoseconds>(wake_ping_pong::measure(microseconds{50}), microseconds{5}, microseconds{100});
        known.store(cost.count(), std::memory_order_relaxed);  // Relaxed, as above.
    }
    return cost;
}

}  // namespace ferrule::inline v0::detail
