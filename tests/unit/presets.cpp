#include <ferrule/presets.hpp>
// The header under test comes first: it must stand alone.
#include <string>

#include <doctest/doctest.h>

using namespace ferrule;

namespace {

/// A ring and its ends as members, the way a program would keep them.
struct kept {
    heap_ring<std::string> ring{8};
    heap_ring<std::string>::producer_type tx = ring.claim_producer();
    heap_ring<std::string>::consumer_type rx = ring.claim_consumer();
};

}  // namespace

TEST_CASE("presets: ends can be stored beside their ring under the names it exposes") {
    kept k;
    CHECK(k.tx.try_push("held together"));
    CHECK(k.rx.try_pop() == "held together");
}

TEST_CASE("presets: an inline ring needs no argument, a heap ring its capacity") {
    inline_ring<int, 4> in_object;
    heap_ring<int> on_heap{4};
    CHECK(in_object.capacity() == 4);
    CHECK(on_heap.capacity() == 4);
}
