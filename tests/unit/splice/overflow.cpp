#include <ferrule/splice/overflow.hpp>
// The header under test comes first: it must stand alone.
#include <chrono>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using ferrule::splice::overflow;

TEST_CASE("overflow: never does not spill, however long the reader stands still") {
    constexpr overflow how = overflow::never();
    CHECK_FALSE(how.spills());
    CHECK(how.spill_after() == overflow::duration::max());
}

TEST_CASE("overflow: on_full spills at once") {
    constexpr overflow how = overflow::on_full();
    CHECK(how.spills());
    CHECK(how.spill_after() == 0ns);
}

TEST_CASE("overflow: on_stall spills after that long, and at once rather than in the past") {
    CHECK(overflow::on_stall().spill_after() == 5ms);
    CHECK(overflow::on_stall().spills());
    CHECK(overflow::on_stall(20ms).spill_after() == 20ms);
    CHECK(overflow::on_stall(0ns) == overflow::on_full());
    CHECK(overflow::on_stall(-1s) == overflow::on_full());
}

TEST_CASE("overflow: whoever spilled waits a moment for the reader before more goes by TCP, and not for ever") {
    CHECK(overflow::on_full().feed_after() == 1ms);
    CHECK(overflow::on_stall(1us).feed_after() == 1ms);
    CHECK(overflow::on_stall().feed_after() == 5ms);
    CHECK(overflow::on_stall(10s).feed_after() == 100ms);
    CHECK(overflow::never().feed_after() == 100ms);
}
