#include <ferrule/cursor/direct.hpp>
// The header under test comes first: it must stand alone.
#include <doctest/doctest.h>
#include <ferrule/concepts.hpp>

#include "../../support/peer_looks.hpp"

using namespace ferrule;

static_assert(cursor_policy<cursor::direct>);

TEST_CASE("direct: every call looks at the peer's cursor and publishes its own") {
    const auto counted = test::count_accesses<cursor::direct>();
    CHECK(counted.looks_of_producer == test::pushes);
    CHECK(counted.looks_of_consumer == test::pushes);
    CHECK(counted.publications == 2 * test::pushes);
}
