#include <ferrule/waiter/then.hpp>
// The header under test comes first: it must stand alone.
#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/scripted_platform.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;

namespace {

using spin_then_sleep = waiter::then<waiter::spin<10>, waiter::futex<futex_scope::process_private, barrier::symmetric>>;

}  // namespace

static_assert(waiter_policy<spin_then_sleep>);

TEST_CASE("then: sleeps only after the first waiter's budget is spent") {
    basic_ring<storage::heap<int>, spin_then_sleep, scripted> ring{8};
    auto tx = ring.claim_producer<cursor::cached, guard::none>();
    auto rx = ring.claim_consumer<cursor::cached, guard::none>();
    const auto begun = scripted::time;
    auto slept_after = 0ns;
    scripted::sleeps = 0;
    scripted::while_asleep = [&](auto) {
        slept_after = scripted::time - begun;
        CHECK(tx.try_push(1));
    };
    const auto a_bit_each = [](const shared_access&, std::uint64_t value) {
        scripted::time += 10ns;
        return value;
    };
    CHECK(scripted::with(a_bit_each, [&] { return rx.wait_readable(1, no_deadline); }) == status::ok);
    scripted::while_asleep = nullptr;
    CHECK(scripted::sleeps == 1);
    CHECK(slept_after >= 10us);
}

TEST_CASE("then: what comes while spinning is found without a sleep") {
    basic_ring<storage::heap<int>, spin_then_sleep, scripted> ring{8};
    auto tx = ring.claim_producer<cursor::cached, guard::none>();
    auto rx = ring.claim_consumer<cursor::cached, guard::none>();
    scripted::sleeps = scripted::wakes = 0;
    const auto after_a_while = [&](const shared_access& a, std::uint64_t value) {
        if (a.index == 20) {
            CHECK(tx.try_push(1));
        }
        return value;
    };
    CHECK(scripted::with(after_a_while, [&] { return rx.wait_readable(1, no_deadline); }) == status::ok);
    CHECK(scripted::sleeps == 0);
    CHECK(scripted::wakes == 0);
}
