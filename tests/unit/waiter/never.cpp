#include <ferrule/waiter/never.hpp>
// The header under test comes first: it must stand alone.
#include <type_traits>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

using namespace ferrule;

static_assert(waiter_policy<waiter::never>);
static_assert(std::is_empty_v<waiter::never>);

TEST_CASE("never: a ring that nothing waits on works by polling alone") {
    inline_ring<int, 2> ring;
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK(tx.try_push(1));
    CHECK(rx.try_pop() == 1);
    CHECK_FALSE(rx.try_pop());
}
