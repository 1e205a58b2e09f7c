#include <ferrule/span_pair.hpp>
// The header under test comes first: it must stand alone.
#include <array>

#include <doctest/doctest.h>

using ferrule::span_pair;

TEST_CASE("span_pair: every cut of every split is in order") {
    std::array<int, 6> values{0, 1, 2, 3, 4, 5};
    for (std::size_t split = 0; split <= values.size(); ++split) {
        const span_pair<int> whole{std::span{values}.first(split), std::span{values}.subspan(split)};
        REQUIRE(whole.size() == values.size());
        for (std::size_t cut = 0; cut <= values.size() + 2; ++cut) {
            const auto first = whole.first(cut);
            const auto after = whole.after(cut);
            CHECK(first.size() + after.size() == values.size());
            CHECK(first.empty() == (cut == 0));
            for (std::size_t i = 0; i != first.size(); ++i) {
                CHECK(first[i] == static_cast<int>(i));
            }
            for (std::size_t i = 0; i != after.size(); ++i) {
                CHECK(after[i] == static_cast<int>(first.size() + i));
            }
        }
    }
}

TEST_CASE("span_pair: copies go over the split and stop at the shorter side") {
    for (std::size_t split = 0; split <= 4; ++split) {
        for (std::size_t n = 0; n <= 6; ++n) {
            std::array<int, 4> slots{-1, -1, -1, -1};
            const std::array<int, 6> from{10, 11, 12, 13, 14, 15};
            const span_pair<int> pair{std::span{slots}.first(split), std::span{slots}.subspan(split)};
            const std::size_t copied = pair.copy_from(std::span{from}.first(n));
            CHECK(copied == (n < 4 ? n : 4));
            for (std::size_t i = 0; i != 4; ++i) {
                CHECK(slots[i] == (i < copied ? from[i] : -1));
            }
            std::array<int, 6> to{};
            const span_pair<const int> view{pair.front, pair.back};
            CHECK(view.copy_to(std::span{to}.first(n)) == copied);
            for (std::size_t i = 0; i != copied; ++i) {
                CHECK(to[i] == from[i]);
            }
        }
    }
}
