// What every waiter must do, whatever it does meanwhile. A new one is accepted when this passes.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <tuple>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "watchdog.hpp"

namespace ferrule::test {

using every_waiter =
    std::tuple<waiter::spin<>, waiter::spin<0>, waiter::futex<>,
               waiter::futex<futex_scope::process_private, barrier::symmetric>,
               waiter::futex<futex_scope::process_shared>, waiter::eventfd, waiter::basic_eventfd<barrier::symmetric>,
               waiter::then<waiter::spin<>, waiter::futex<>>, waiter::then<waiter::spin<1>, waiter::eventfd>>;

/// The signal of a storm does nothing to this process but end what it sleeps in.
inline void weather_storms() {
    struct ::sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
}

/// Sends a signal without SA_RESTART to a thread, or to a process that weathers storms, every fraction of a
/// millisecond, for as long as it lives.
class signal_storm {
public:
    explicit signal_storm(::pthread_t target) : signal_storm{[target] { ::pthread_kill(target, SIGUSR1); }} {}
    explicit signal_storm(::pid_t process) : signal_storm{[process] { ::kill(process, SIGUSR1); }} {}
    signal_storm(const signal_storm&) = delete;
    signal_storm& operator=(const signal_storm&) = delete;
    ~signal_storm() {
        done_.store(true, std::memory_order_relaxed);
        thread_.join();
    }

private:
    explicit signal_storm(std::function<void()> strike) {
        weather_storms();
        thread_ = std::thread{[this, strike = std::move(strike)] {
            while (!done_.load(std::memory_order_relaxed)) {
                strike();
                std::this_thread::sleep_for(std::chrono::microseconds{200});
            }
        }};
    }

    std::atomic<bool> done_{false};
    std::thread thread_;
};

template <class Waiter, class Platform = ferrule::detail::native>
struct waiter_conformance {
    using ring_type = basic_ring<storage::heap<std::uint64_t>, Waiter, Platform>;
    using clock = std::chrono::steady_clock;
    static constexpr std::size_t capacity = 8;

    /// A wait that nothing ends lasts until its deadline, and not less; signals make no difference.
    static void keeps_its_deadline() {
        const watchdog watched{"a wait with a deadline"};
        ring_type ring{capacity};
        auto rx = ring.claim_consumer();
        const signal_storm storm{::pthread_self()};
        const auto deadline = clock::now() + std::chrono::milliseconds{20};
        CHECK(rx.wait_readable(1, deadline) == status::timed_out);
        CHECK(clock::now() >= deadline);
        CHECK(rx.wait_readable(1, clock::now()) == status::timed_out);
        CHECK(rx.wait_readable(1, clock::time_point{}) == status::timed_out);
    }

    /// A wait ends when what it asked for is there, and not before, for every amount.
    static void honours_every_amount() {
        const watchdog watched{"a wait for every amount"};
        for (const std::size_t min : {std::size_t{0}, std::size_t{1}, capacity - 1, capacity}) {
            CAPTURE(min);
            ring_type ring{capacity, {}, starting_at{~std::uint64_t{0} - 2}};
            auto tx = ring.claim_producer();
            std::size_t there = 99;
            std::thread reader{[&, rx = ring.claim_consumer()]() mutable {
                if (rx.wait_readable(min, no_deadline) == status::ok) {
                    there = rx.readable_at_least();
                }
            }};
            for (std::size_t i = 0; i != capacity; ++i) {
                std::this_thread::yield();
                (void)tx.try_push(i);
            }
            reader.join();
            CHECK(there >= min);
            CHECK(there <= capacity);
            CHECK(tx.wait_writable(capacity + 1, no_deadline) == status::too_large);
        }
    }

    /// A close ends every wait, on either side.
    static void ends_on_close() {
        const watchdog watched{"a wait for an end that closed"};
        for (int round = 0; round != 50; ++round) {
            ring_type ring{1};
            auto tx = ring.claim_producer();
            auto rx = ring.claim_consumer();
            status seen = status::ok;
            std::thread waits{[&] { seen = rx.wait_readable(1, no_deadline); }};
            tx.close();
            waits.join();
            CHECK(seen == status::closed);
        }
        for (int round = 0; round != 50; ++round) {
            ring_type ring{1};
            auto tx = ring.claim_producer();
            auto rx = ring.claim_consumer();
            CHECK(tx.try_push(1));
            status seen = status::ok;
            std::thread waits{[&] { seen = tx.wait_writable(1, no_deadline); }};
            rx.close();
            waits.join();
            CHECK(seen == status::closed);
        }
    }

    /// No wake-up is lost in many round trips in which each side sleeps for the other, in a storm of signals.
    static void loses_no_wake(int trips) {
        const watchdog watched{"a ping-pong of sleepers"};
        ring_type there{1};
        ring_type back{1};
        std::thread echo{[rx = there.claim_consumer(), tx = back.claim_producer()]() mutable {
            while (rx.wait_readable(1, no_deadline) == status::ok) {
                if (const auto value = rx.try_pop()) {
                    while (!tx.try_push(~*value)) {
                        (void)tx.wait_writable(1, no_deadline);
                    }
                }
            }
        }};
        auto tx = there.claim_producer();
        auto rx = back.claim_consumer();
        const signal_storm storm{::pthread_self()};
        int wrong = 0;
        for (std::uint64_t i = 0; i != static_cast<std::uint64_t>(trips); ++i) {
            wrong += tx.wait_writable(1, no_deadline) == status::ok && tx.try_push(i) ? 0 : 1;
            wrong += rx.wait_readable(1, no_deadline) == status::ok && rx.try_pop() == ~i ? 0 : 1;
        }
        tx.close();
        echo.join();
        CHECK(wrong == 0);
    }

    /// Both sides of a full stream sleep and wake each other, and every element arrives.
    static void carries_a_stream() {
        const watchdog watched{"a stream of sleepers"};
        ring_type ring{capacity, {}, starting_at{capacity - 1}};
        constexpr std::uint64_t total = 20'000;
        std::thread writer{[tx = ring.claim_producer()]() mutable {
            for (std::uint64_t i = 0; i != total;) {
                if (tx.try_push(i)) {
                    ++i;
                } else {
                    (void)tx.wait_writable(1 + i % capacity, no_deadline);
                }
            }
            tx.close();
        }};
        auto rx = ring.claim_consumer();
        std::uint64_t next = 0;
        std::uint64_t wrong = 0;
        while (rx.wait_readable(1, no_deadline) == status::ok) {
            while (const auto value = rx.try_pop()) {
                wrong += *value == next++ ? 0U : 1U;
            }
        }
        writer.join();
        CHECK(wrong == 0);
        CHECK(next == total);
    }

    /// Two threads that sleep in one end are both woken, whatever each asked for, and in whatever order things happen.
    static void wakes_both_sleepers(int rounds) requires(Waiter::wakes_everybody) {
        const watchdog watched{"two sleepers in one end"};
        for (int round = 0; round != rounds; ++round) {
            ring_type ring{capacity};
            auto tx = ring.claim_producer();
            auto rx = ring.template claim_consumer<cursor::cached, guard::locked>();
            status few = status::corrupt;
            status many = status::corrupt;
            std::thread wants_many{[&] { many = rx.wait_readable(5, no_deadline); }};
            std::thread wants_few{[&] { few = rx.wait_readable(2, no_deadline); }};
            for (std::uint64_t i = 0; i != 2; ++i) {
                (void)tx.try_push(i);
            }
            if (round % 2 == 0) {
                wants_few.join();
            }
            for (std::uint64_t i = 0; i != 3; ++i) {
                (void)tx.try_push(i);
            }
            if (round % 2 != 0) {
                wants_few.join();
            }
            wants_many.join();
            CHECK(few == status::ok);
            CHECK(many == status::ok);
        }
    }
};

}  // namespace ferrule::test
