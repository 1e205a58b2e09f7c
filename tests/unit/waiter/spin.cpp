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

using point = waiter::spin<100>::point<scripted>;

polled poll_until(look_counter& look, std::chrono::steady_clock::time_point deadline) {
    return point{{}}.poll(look, 1, deadline);
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
    const scripted::atomic<std::uint32_t> word{0};
    point::park(word, 0, no_deadline);
    CHECK(scripted::yields == before + 1);
}

TEST_CASE("spin: the budget is what was asked for, what a sleep costs if nothing was, and never beyond the cap") {
    CHECK(waiter::spin<7>::point<scripted>{{}}.budget() == 7us);
    CHECK(waiter::spin<>::point<scripted>{{}}.budget() == scripted::park_cost());
    CHECK(waiter::spin<4'000'000>::point<scripted>{{}}.budget() == waiter::spin<>::longest);
}

TEST_CASE("spin: a budget chosen at run time counts instead of the type's, within the same cap") {
    CHECK(waiter::spin<>::point<scripted>{{.budget = 20us}}.budget() == 20us);
    CHECK(waiter::spin<7>::point<scripted>{{.budget = waiter::spin<>::as_measured}}.budget() == scripted::park_cost());
    CHECK(waiter::spin<>::point<scripted>{{.budget = 1h}}.budget() == waiter::spin<>::longest);
    const heap_ring<> ring{8, {.first = {.budget = 20us}}};
    CHECK(ring.capacity() == 8);
}

TEST_CASE("spin: no budget is one look, and no pause") {
    waiter::spin<0>::point<scripted> p{{}};
    look_counter look{.finds_at = 1'000'000};
    CHECK(p.poll(look, 1, no_deadline) == polled::spent);
    CHECK(look.looks == 1);
    CHECK(p.poll(look, 1, scripted::time) == polled::expired);
    CHECK(look.looks == 2);
}

TEST_CASE("spin: when a yield shows that somebody needs the processor, the budget counts as spent, for a while") {
    point p{{}};
    look_counter look{.finds_at = 1'000'000};
    scripted::yield_takes = 1ms;
    CHECK(p.poll(look, 1, no_deadline) == polled::spent);
    const int looks = look.looks;
    CHECK(looks <= 200);
    scripted::yield_takes = 0ns;
    CHECK(p.poll(look, 1, no_deadline) == polled::spent);
    CHECK(look.looks == looks + 1);
    int polls = 0;
    for (int before = 0; look.looks - before != 0 && polls != 1000; ++polls) {
        before = look.looks;
        look.step = 1us;
        (void)p.poll(look, 1, no_deadline);
        if (look.looks - before > 1) {
            break;
        }
    }
    CHECK(polls < 1000);
}

TEST_CASE("spin: lingers for more where a small amount came at once, and not where it was long in coming") {
    point p{{}};
    look_counter flowing{.finds_at = 3};
    CHECK(p.poll(flowing, 1, no_deadline) == polled::enough);
    CHECK(flowing.looks == 4);
    look_counter slow{.finds_at = 30};
    CHECK(p.poll(slow, 1, no_deadline) == polled::enough);
    CHECK(slow.looks == 30);
}
