#include <ferrule/guard/checked.hpp>
// The header under test comes first: it must stand alone.
#include <functional>
#include <thread>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/dies.hpp"

using namespace ferrule;

static_assert(guard_policy<guard::checked>);

namespace {

struct reentrant {
    reentrant() noexcept = default;
    reentrant(reentrant&&) noexcept {
        if (call_back) {
            call_back();
        }
    }
    static inline std::function<void()> call_back;
};

}  // namespace

TEST_CASE("checked: a call inside a call is diagnosed") {
    guard::checked::state<detail::native> state;
    const auto outer = state.enter();
    CHECK_DIES("two calls overlap in one end", (void)state.enter());
    state.leave(outer);
    state.leave(state.enter());
}

TEST_CASE("checked: a call that found another's traces on its way out is diagnosed") {
    guard::checked::state<detail::native> state;
    const auto first = state.enter();
    // What the second of two calls does that both entered before seeing the other's mark.
    CHECK_DIES("two calls overlap in one end", state.leave(first); state.leave(first));
    state.leave(first);
}

TEST_CASE("checked: a brief call inside a call, and a call that lost the end meanwhile, are diagnosed") {
    guard::checked::state<detail::native> state;
    const auto outer = state.enter();
    CHECK_DIES("two calls overlap in one end", (void)state.enter_briefly());
    state.leave(outer);
    const auto brief = state.enter_briefly();
    std::thread{[&] { state.leave_briefly(state.enter_briefly()); }}.join();
    CHECK_DIES("two calls overlap in one end", state.leave_briefly(brief));
}

TEST_CASE("checked: an element that calls back into the end it is being pushed to is diagnosed") {
    heap_ring<reentrant> ring{2};
    auto tx = ring.claim_producer();
    CHECK(tx.try_push(reentrant{}));
    CHECK_DIES("two calls overlap in one end", {
        reentrant::call_back = [&] { (void)tx.writable_at_least(); };
        (void)tx.try_push(reentrant{});
    });
}

TEST_CASE("checked: an open grant counts as a call") {
    heap_ring<> ring{8};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    const std::byte one{1};
    {
        auto grant = tx.prepare(1, 4);
        CHECK_DIES("two calls overlap in one end", (void)tx.try_write({&one, 1}));
        CHECK_DIES("two calls overlap in one end", const auto moved = std::move(tx));
        grant.commit(1);
        CHECK(tx.try_write({&one, 1}) == 1);
    }
    auto peeked = rx.peek();
    CHECK_DIES("two calls overlap in one end", (void)rx.try_pop());
    CHECK_DIES("two calls overlap in one end", (void)rx.finished());
}
