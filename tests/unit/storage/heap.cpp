#include <ferrule/storage/heap.hpp>
// The header under test comes first: it must stand alone.
#include <cstdint>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>
#include <ferrule/concepts.hpp>

using namespace ferrule;

namespace {

std::string what_it_said(std::size_t capacity) {
    try {
        const storage::heap<std::uint64_t> made{capacity};
    } catch (const std::invalid_argument& refused) {
        return refused.what();
    }
    return "(accepted)";
}

}  // namespace

TEST_CASE("heap: a capacity that is no power of two is refused with its neighbours") {
    CHECK(what_it_said(1000) == "ferrule: capacity 1000 is no power of two; the nearest are 512 and 1024");
    CHECK(what_it_said(3) == "ferrule: capacity 3 is no power of two; the nearest are 2 and 4");
    CHECK(what_it_said(0) == "ferrule: capacity 0 holds nothing; the smallest is 1");
    CHECK(what_it_said(~std::size_t{0}) ==
          "ferrule: capacity 18446744073709551615 is no power of two; the nearest is 9223372036854775808");
}

TEST_CASE("heap: a capacity beyond the address space is refused, not wrapped") {
    CHECK(what_it_said(std::size_t{1} << 62U) == "ferrule: capacity exceeds the address space");
}

TEST_CASE("heap: slots are aligned to whole cache lines, and to the element if it asks for more") {
    struct alignas(512) wide {
        char c;
    };
    storage::heap<std::byte> bytes{1};
    storage::heap<wide> wides{2};
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % cache_line == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(wides.data()) % 512 == 0);
    CHECK(bytes.geometry().capacity() == 1);
    CHECK(wides.geometry().capacity() == 2);
}

static_assert(storage_policy<storage::heap<int>>);
