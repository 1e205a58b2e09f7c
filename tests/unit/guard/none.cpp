#include <ferrule/guard/none.hpp>
// The header under test comes first: it must stand alone.
#include <type_traits>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

using namespace ferrule;

static_assert(guard_policy<guard::none>);
static_assert(std::is_empty_v<guard::none::state<detail::native>>);

TEST_CASE("none: a call inside a call passes unnoticed, as asked for") {
    heap_ring<int> ring{2};
    auto tx = ring.claim_producer<cursor::cached, guard::none>();
    auto grant = tx.prepare(1, 1);
    CHECK(tx.writable_at_least() == 2);
}
