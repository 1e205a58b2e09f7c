#include <ferrule/pages/plain.hpp>
// The header under test comes first: it must stand alone.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

using namespace ferrule;

static_assert(pages_policy<pages::plain>);
static_assert(std::is_empty_v<pages::plain>);

TEST_CASE("plain: writable memory from a page on, or nothing") {
    pages::plain made;
    constexpr std::size_t bytes = std::size_t{1} << 16U;
    void* const at = made.map(bytes);
    REQUIRE(at != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(at) % 4096 == 0);
    static_cast<std::byte*>(at)[0] = static_cast<std::byte*>(at)[bytes - 1] = std::byte{1};
    CHECK(made.kind() == page_kind::plain);
    made.unmap(at, bytes);
    CHECK(pages::plain::map(std::size_t{1} << 60U) == nullptr);
}

TEST_CASE("plain: what a heap ring is made of, large or small") {
    CHECK(heap_ring<>{64}.storage().pages() == page_kind::plain);
    CHECK(heap_ring<>{std::size_t{1} << 22U}.storage().pages() == page_kind::plain);
}
