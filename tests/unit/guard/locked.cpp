#include <ferrule/guard/locked.hpp>
// The header under test comes first: it must stand alone.
#include <chrono>
#include <thread>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/watchdog.hpp"

using namespace ferrule;

static_assert(guard_policy<guard::locked>);

TEST_CASE("locked: a call that waits lets other calls in") {
    const test::watchdog watched{"a locked end whose waiter keeps everybody out"};
    heap_ring<int> ring{2};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer<cursor::cached, guard::locked>();
    status seen{};
    std::thread waits{[&] { seen = rx.wait_readable(2, no_deadline); }};
    // These calls share the end with the waiting one, and must return while it waits.
    CHECK(rx.readable_at_least() == 0);
    CHECK(tx.try_push(1));
    while (rx.readable_at_least() != 1) {
    }
    CHECK(rx.try_pop() == 1);
    CHECK(tx.try_push(2));
    CHECK(tx.try_push(3));
    waits.join();
    CHECK(seen == status::ok);
}
