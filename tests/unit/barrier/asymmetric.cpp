#include <ferrule/barrier/asymmetric.hpp>
// The header under test comes first: it must stand alone.
#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/scripted_platform.hpp"

using namespace ferrule;

namespace {

/// A platform on which the kernel does, or does not, know the call.
template <bool Known, bool Works>
struct kernel : test::scripted {
    static bool has_heavy_fence() noexcept { return Known; }
    static bool heavy_fence() noexcept {
        ++heavy;
        return Works;
    }
    static void light_fence() noexcept { ++light; }
    static void full_fence() noexcept { ++full; }
    static inline int heavy = 0;
    static inline int light = 0;
    static inline int full = 0;
};

}  // namespace

static_assert(barrier_policy<barrier::asymmetric>);
static_assert(barrier_policy<barrier::symmetric>);

TEST_CASE("asymmetric: the hot side pays no fence where the kernel knows membarrier") {
    using platform = kernel<true, true>;
    const barrier::asymmetric::state<platform> state;
    state.light();
    CHECK(platform::full == 0);
    CHECK(platform::light == 1);
    CHECK(state.heavy());
    CHECK(platform::heavy == 1);
}

TEST_CASE("asymmetric: both sides pay a full fence where it does not") {
    using platform = kernel<false, false>;
    const barrier::asymmetric::state<platform> state;
    state.light();
    CHECK(platform::full == 1);
    CHECK(platform::light == 0);
    CHECK(state.heavy());
    CHECK(platform::full == 2);
    CHECK(platform::heavy == 0);
}

TEST_CASE(
    "asymmetric: a call that the kernel refuses later is reported, and the sleeper then sleeps a moment at a time") {
    using platform = kernel<true, false>;
    basic_ring<storage::heap<int>, waiter::futex<>, platform> ring{2};
    auto rx = ring.claim_consumer<cursor::cached, guard::none>();
    auto tx = ring.claim_producer<cursor::cached, guard::none>();
    std::chrono::steady_clock::time_point until{};
    platform::while_asleep = [&](auto deadline) {
        until = deadline;
        CHECK(tx.try_push(1));
    };
    CHECK(rx.wait_readable(1, no_deadline) == status::ok);
    platform::while_asleep = nullptr;
    CHECK(until != no_deadline);
}

TEST_CASE("asymmetric: this kernel") {
    WARN(detail::native::has_heavy_fence());
    CHECK(detail::native::heavy_fence() == detail::native::has_heavy_fence());
}
