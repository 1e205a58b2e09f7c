#include <ferrule/storage/inlined.hpp>
// The header under test comes first: it must stand alone.
#include <cstdint>

#include <doctest/doctest.h>
#include <ferrule/concepts.hpp>

using namespace ferrule;

TEST_CASE("inlined: the slots lie in the object, on cache lines of their own") {
    storage::inlined<std::uint16_t, 4> made;
    const auto begin = reinterpret_cast<std::uintptr_t>(&made);
    const auto slots = reinterpret_cast<std::uintptr_t>(made.data());
    CHECK(slots >= begin);
    CHECK(slots + 4 * sizeof(std::uint16_t) <= begin + sizeof made);
    CHECK(slots % cache_line == 0);
    CHECK(sizeof made == cache_line);
}

static_assert(storage_policy<storage::inlined<int, 4>>);
