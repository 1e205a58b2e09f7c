#include <ferrule/geometry.hpp>
// The header under test comes first: it must stand alone.
#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

using namespace ferrule;

TEST_CASE("geometry: capacities are the powers of two, 0 is none") {
    CHECK_FALSE(is_capacity(0));
    CHECK(is_capacity(1));
    CHECK(is_capacity(2));
    CHECK_FALSE(is_capacity(3));
    CHECK(is_capacity(std::size_t{1} << 63U));
    CHECK_FALSE(is_capacity(std::numeric_limits<std::size_t>::max()));
}

TEST_CASE_TEMPLATE("geometry: a region lies where counting one by one says", Capacity,
                   std::integral_constant<std::size_t, 1>, std::integral_constant<std::size_t, 2>,
                   std::integral_constant<std::size_t, 8>) {
    constexpr std::size_t n = Capacity::value;
    const geometry::run_time at_run_time{n};
    const geometry::compile_time<n> at_compile_time{};
    CHECK(at_run_time.capacity() == n);
    CHECK(at_compile_time.capacity() == n);
    for (const std::uint64_t base : {std::uint64_t{0}, (std::uint64_t{1} << 32U) - 3, ~std::uint64_t{0} - 2}) {
        for (std::uint64_t i = 0; i != 3 * n + 5; ++i) {
            const std::uint64_t cursor = base + i;
            CHECK(at_run_time.offset(cursor) == cursor % n);
            CHECK(at_compile_time.offset(cursor) == cursor % n);
            for (std::size_t size = 0; size <= n; ++size) {
                const std::size_t until_the_wrap = n - cursor % n;
                const std::size_t front = size < until_the_wrap ? size : until_the_wrap;
                CHECK(at_run_time.first_piece(cursor, size) == front);
                CHECK(at_compile_time.first_piece(cursor, size) == front);
            }
        }
    }
}

TEST_CASE("geometry: mirrored slots are one piece from anywhere, and those that are not lie as everywhere else") {
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{2}, std::size_t{8}}) {
        const auto once = geometry::mirrored::once(capacity);
        const geometry::run_time as_everywhere{capacity};
        CHECK_FALSE(once.is_mirrored());
        CHECK(once.capacity() == capacity);
        for (std::size_t slots = capacity; slots <= 16; slots *= 2) {
            const auto twice = geometry::mirrored::twice(capacity, slots);
            CHECK(twice.is_mirrored());
            CHECK(twice.capacity() == capacity);
            for (const std::uint64_t base : {std::uint64_t{0}, ~std::uint64_t{0} - 2}) {
                for (std::uint64_t cursor = base; cursor != base + 40; ++cursor) {
                    CHECK(twice.offset(cursor) == cursor % slots);
                    CHECK(once.offset(cursor) == as_everywhere.offset(cursor));
                    for (std::size_t n = 0; n <= capacity; ++n) {
                        CHECK(twice.first_piece(cursor, n) == n);
                        CHECK(once.first_piece(cursor, n) == as_everywhere.first_piece(cursor, n));
                    }
                }
            }
        }
    }
}

TEST_CASE("geometry: that of a refused end holds nothing") {
    CHECK(geometry::run_time{}.capacity() == 0);
    CHECK(geometry::mirrored{}.capacity() == 0);
}

static_assert(std::is_empty_v<geometry::compile_time<8>>);
