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
