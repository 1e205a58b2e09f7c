// guard::locked: several threads share one end, and nothing is lost, doubled, or out of each thread's own order.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/watchdog.hpp"

using namespace ferrule;

namespace {

struct item {
    unsigned sender;
    unsigned number;
};

}  // namespace

TEST_CASE("locked: two threads write, two threads read, every element arrives once and in its sender's order") {
    const test::watchdog watched{"two writers and two readers on locked ends"};
    constexpr unsigned each = 10'000;
    heap_ring<item> ring{8, {}, starting_at{7}};
    auto tx = ring.claim_producer<cursor::cached, guard::locked>();
    auto rx = ring.claim_consumer<cursor::cached, guard::locked>();
    std::vector<std::thread> threads;
    std::atomic<unsigned> senders_left{2};
    for (unsigned sender = 0; sender != 2; ++sender) {
        threads.emplace_back([&, sender] {
            for (unsigned i = 0; i != each;) {
                if (tx.try_push(item{sender, i})) {
                    ++i;
                } else {
                    (void)tx.wait_writable(1, no_deadline);
                }
            }
            if (senders_left.fetch_sub(1) == 1) {
                tx.close();
            }
        });
    }
    std::array<std::vector<item>, 2> received;
    for (auto& mine : received) {
        threads.emplace_back([&] {
            while (!rx.finished()) {
                if (const auto popped = rx.try_pop()) {
                    mine.push_back(*popped);
                } else {
                    (void)rx.wait_readable(1, no_deadline);
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    std::array<std::vector<int>, 2> arrivals{std::vector<int>(each), std::vector<int>(each)};
    for (const auto& by_one_reader : received) {
        std::array<unsigned, 2> next{};
        for (const item& i : by_one_reader) {
            ++arrivals[i.sender][i.number];
            CHECK(i.number >= next[i.sender]);
            next[i.sender] = i.number + 1;
        }
    }
    for (const auto& of_one_sender : arrivals) {
        CHECK(of_one_sender == std::vector<int>(each, 1));
    }
}

namespace {

template <class Waiter>
void close_ends_the_waits_of_its_own_threads() {
    const test::watchdog watched{"a locked end closed under threads that wait in it"};
    for (int round = 0; round != 200; ++round) {
        heap_ring<int, Waiter> ring{2};
        const auto tx = ring.template claim_producer<cursor::cached, guard::none>();
        auto rx = ring.template claim_consumer<cursor::cached, guard::locked>();
        std::array<status, 2> seen{status::ok, status::ok};
        std::vector<std::thread> waiting;
        for (status& mine : seen) {
            waiting.emplace_back([&] { mine = rx.wait_readable(1, no_deadline); });
        }
        for (int i = 0; i != round % 8; ++i) {
            std::this_thread::yield();
        }
        rx.close();
        for (auto& thread : waiting) {
            thread.join();
        }
        CHECK(seen == std::array{status::closed, status::closed});
    }
}

}  // namespace

TEST_CASE("locked: a close by one thread ends the waits of the others in the same end") {
    close_ends_the_waits_of_its_own_threads<default_waiter>();
    close_ends_the_waits_of_its_own_threads<waiter::futex<>>();
    close_ends_the_waits_of_its_own_threads<waiter::spin<>>();
}
