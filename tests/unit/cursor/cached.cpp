#include <ferrule/cursor/cached.hpp>
// The header under test comes first: it must stand alone.
#include <doctest/doctest.h>
#include <ferrule/concepts.hpp>

#include "../../support/peer_looks.hpp"

using namespace ferrule;

static_assert(cursor_policy<cursor::cached>);

TEST_CASE("cached: a call looks at the peer's cursor once per ringful, and publishes its own every time") {
    const auto counted = test::count_accesses<cursor::cached>();
    CHECK(counted.looks_of_producer == 1);
    CHECK(counted.looks_of_consumer == 1);
    CHECK(counted.publications == 2 * test::pushes);
}
