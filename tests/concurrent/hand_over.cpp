// An end may change threads: moved with whatever synchronises the two, or given back and claimed anew.
#include <thread>
#include <vector>

#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("hand over: whoever claims an end next goes on where the last thread stopped") {
    const watchdog watched{"threads taking turns in claiming an end"};
    constexpr std::uint64_t total = 4000;
    auto ring = Config::template make<std::uint64_t, 8>(~std::uint64_t{0} - 2);
    // Nothing but the claims orders the three senders: `next` is private to whoever has the producer.
    std::uint64_t next = 0;
    std::vector<std::thread> senders;
    for (int i = 0; i != 3; ++i) {
        senders.emplace_back([&] {
            for (bool done = false; !done;) {
                if (auto tx = Config::claim_producer(ring)) {
                    for (int burst = 0; burst != 5 && next != total; ++burst) {
                        next += tx.try_push(next) ? 1U : 0U;
                    }
                    done = next == total;
                }
                std::this_thread::yield();
            }
        });
    }
    std::uint64_t wrong = 0;
    auto rx = Config::claim_consumer(ring);
    for (std::uint64_t i = 0; i != total;) {
        if (const auto popped = rx.try_pop()) {
            wrong += *popped == i++ ? 0U : 1U;
        } else {
            std::this_thread::yield();
        }
    }
    for (auto& sender : senders) {
        sender.join();
    }
    CHECK(wrong == 0);
}

FERRULE_FOR_EACH_RING("hand over: an end moves into another thread and back") {
    const watchdog watched{"an end that moves from thread to thread"};
    subject<Config, int, 4> s;
    for (int round = 0; round != 50; ++round) {
        std::thread borrower{[&, tx = std::move(s.tx)]() mutable {
            (void)tx.try_push(1);
            s.tx = std::move(tx);
        }};
        borrower.join();
        CHECK(s.tx);
        s.tx.publish();
        CHECK(s.rx.try_pop() == 1);
    }
}
