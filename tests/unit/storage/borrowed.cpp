#include <ferrule/storage/borrowed.hpp>
// The header under test comes first: it must stand alone.
#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/pattern.hpp"

using namespace ferrule;
using namespace ferrule::test;

static_assert(storage_policy<storage::borrowed<int>>);
static_assert(storage_policy<storage::borrowed<std::string>>);
// Objects that are alive already cannot be slots for elements whose lives begin and end in the ring.
static_assert(std::is_constructible_v<storage::borrowed<int>, std::span<int>>);
static_assert(!std::is_constructible_v<storage::borrowed<std::string>, std::span<std::string>>);
// Memory that is about to go away, or that may not be written to, is none to borrow.
static_assert(!std::is_constructible_v<borrowed_ring<>, std::array<std::byte, 8>>);
static_assert(!std::is_constructible_v<borrowed_ring<>, const std::array<std::byte, 8>&>);
static_assert(!std::is_constructible_v<borrowed_ring<>, std::size_t>);

namespace {

template <class T>
std::string what_it_said(std::span<std::byte> memory) {
    try {
        const storage::borrowed<T> made{memory};
    } catch (const std::invalid_argument& refused) {
        return refused.what();
    }
    return "(accepted)";
}

}  // namespace

TEST_CASE("borrowed: memory that is no power of two of elements is refused, and says why") {
    alignas(8) std::array<std::byte, 64> memory{};
    const std::span all{memory};
    CHECK(what_it_said<std::uint64_t>(all) == "(accepted)");
    CHECK(what_it_said<std::uint64_t>(all.first(24)) ==
          "ferrule: capacity 3 is no power of two; the nearest are 2 and 4");
    CHECK(what_it_said<std::uint64_t>(all.first(0)) == "ferrule: capacity 0 holds nothing; the smallest is 1");
    CHECK(what_it_said<std::uint64_t>(all.first(20)) == "ferrule: 20 bytes are no whole number of elements of 8 bytes");
    CHECK(what_it_said<std::uint64_t>(all.subspan(4, 8)) ==
          "ferrule: borrowed memory is not aligned to the 8 bytes of its elements");
    CHECK(what_it_said<std::byte>(all.subspan(3, 4)) == "(accepted)");
    std::array<std::uint64_t, 6> six{};
    CHECK_THROWS_WITH_AS(borrowed_ring<std::uint64_t>{six},
                         "ferrule: capacity 6 is no power of two; the nearest are 4 and 8", std::invalid_argument);
}

TEST_CASE("borrowed: elements lie in the caller's memory, and nowhere beside it") {
    for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{7}, ~std::uint64_t{0} - 2}) {
        CAPTURE(start);
        std::array<std::byte, 24> memory{};
        memory.fill(std::byte{0xEE});
        const auto lent = std::span{memory}.subspan(8, 8);
        {
            borrowed_ring<> ring{lent, {}, starting_at{start}};
            auto tx = ring.claim_producer();
            auto rx = ring.claim_consumer();
            std::array<std::byte, 8> bytes{};
            for (std::uint64_t sent = 0; sent != 40; sent += 5) {
                fill_pattern(std::span{bytes}.first(5), sent);
                CHECK(tx.try_write(std::span{bytes}.first(5)) == 5);
                auto grant = rx.peek();
                CHECK(grant.parts().front.data() >= lent.data());
                CHECK(grant.parts().front.data() + grant.parts().front.size() <= lent.data() + lent.size());
                CHECK(grant.parts().back.size() == 5 - grant.parts().front.size());
                CHECK(is_pattern(grant.parts().front, sent));
                grant.release(5);
            }
            CHECK(ring.capacity() == 8);
        }
        CHECK(std::count(memory.begin(), memory.begin() + 8, std::byte{0xEE}) == 8);
        CHECK(std::count(lent.begin(), lent.end(), std::byte{0xEE}) < 8);
        CHECK(std::count(memory.end() - 8, memory.end(), std::byte{0xEE}) == 8);
    }
}

TEST_CASE("borrowed: raw memory holds elements of any type, which live and die in it") {
    alignas(std::string) std::array<std::byte, 4 * sizeof(std::string)> memory{};
    borrowed_ring<std::string, waiter::never> ring{std::span{memory}};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    for (int i = 0; i != 10; ++i) {
        CHECK(tx.try_push("long enough to own memory of its own, whatever the library, number " + std::to_string(i)));
        CHECK(rx.try_pop()->back() == static_cast<char>('0' + i));
    }
    CHECK(tx.try_push("left behind for the ring to destroy; the leak checker counts it"));
}

TEST_CASE("borrowed: the memory is as it was left when the ring is gone, and can be lent again") {
    std::vector<int> slots(4, -1);
    for (int round = 0; round != 3; ++round) {
        borrowed_ring<int> ring{slots};
        auto tx = ring.claim_producer();
        for (int i = 0; i != 4; ++i) {
            CHECK(tx.try_push(round * 10 + i));
        }
        CHECK(slots == std::vector{round * 10, round * 10 + 1, round * 10 + 2, round * 10 + 3});
    }
    CHECK(slots.back() == 23);
}
