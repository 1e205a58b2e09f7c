#include <ferrule/waiter/spin.hpp>
// The header under test comes first: it must stand alone.
#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/scripted_platform.hpp"

using namespace ferrule;
using namespace std::chrono_literals;
using test::scripted;

static_assert(waiter_policy<waiter::spin<>>);
static_assert(waiter_policy<waiter::spin<>, scripted>);

namespace {

/// A look that finds something at the n-th time, and moves the clock on each time.
struct look_counter {
    std::uint64_t operator()() noexcept {
        scripted::time += step;
        return ++looks >= finds_at ? 1 : 0;
    }
    int finds_at;
    std::chrono::nanoseconds step{0};
    int looks = 0;
};

polled poll_until(look_counter& look, std::chrono::steady_clock::time_point deadline) {
    return waiter::spin<100>{}.poll<scripted>(look, 1, deadline);
}

}  // namespace

TEST_CASE("spin: what is there at once is found by one look, even after the deadline") {
    look_counter look{.finds_at = 1};
    CHECK(poll_until(look, scripted::time - 1s) == polled::enough);
    CHECK(look.looks == 1);
}

TEST_CASE("spin: looks until it is there") {
    look_counter look{.finds_at = 1000};
    CHECK(poll_until(look, no_deadline) == polled::enough);
    CHECK(look.looks == 1000);
}

TEST_CASE("spin: a deadline that passes while spinning ends it within one reading of the clock") {
    look_counter look{.finds_at = 1'000'000, .step = 1us};
    CHECK(poll_until(look, scripted::time + 40us) == polled::expired);
    CHECK(look.looks >= 40);
    CHECK(look.looks <= 40 + 32);
}

TEST_CASE("spin: a used-up budget is reported, so that the processor can be given away") {
    look_counter look{.finds_at = 1'000'000, .step = 1us};
    CHECK(poll_until(look, no_deadline) == polled::spent);
    CHECK(look.looks >= 100);
    CHECK(look.looks <= 100 + 32);
}

TEST_CASE("spin: parking yields once and ends by itself") {
    const auto before = scripted::yields;
    waiter::spin<>{}.park<scripted>(no_deadline);
    CHECK(scripted::yields == before + 1);
}
