#include <ferrule/guard/locked.hpp>
// The header under test comes first: it must stand alone.
#include <chrono>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/scripted_platform.hpp"
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

TEST_CASE("locked: a thread that announced and found enough at once leaves the others' announcement in place") {
    using test::scripted;
    basic_ring<storage::heap<int>, waiter::futex<futex_scope::process_private, barrier::symmetric>, scripted> ring{8};
    auto tx = ring.claim_producer<cursor::cached, guard::none>();
    auto rx = ring.claim_consumer<cursor::cached, guard::locked>();
    const auto push = [&](int n) {
        for (int i = 0; i != n; ++i) {
            CHECK(tx.try_push(i));
        }
    };
    const auto second_thread = [&] {
        bool pushed = false;
        const auto come_before_it_announces = [&](const test::shared_access& access, std::uint64_t value) {
            if (access.width == sizeof(std::uint32_t) && access.index > 1 && !std::exchange(pushed, true)) {
                push(2);
            }
            return value;
        };
        return scripted::with(come_before_it_announces, [&] { return rx.wait_readable(2, no_deadline); });
    };
    std::size_t wakes = 99;
    scripted::while_asleep = [&](auto) {
        scripted::wakes = 0;
        CHECK(second_thread() == status::ok);
        push(3);
        wakes = scripted::wakes;
    };
    CHECK(rx.wait_readable(5, no_deadline) == status::ok);
    scripted::while_asleep = nullptr;
    CHECK(wakes == 1);
}
