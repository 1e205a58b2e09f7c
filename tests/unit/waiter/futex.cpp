#include <ferrule/waiter/futex.hpp>
// The header under test comes first: it must stand alone.
#include <optional>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/scripted_platform.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;

static_assert(waiter_policy<waiter::futex<>>);
static_assert(waiter_policy<waiter::futex<futex_scope::process_shared, barrier::symmetric>>);
static_assert(waiter_policy<waiter::futex<>, scripted>);

namespace {

using scripted_ring =
    basic_ring<storage::heap<int>, waiter::futex<futex_scope::process_private, barrier::symmetric>, scripted>;

/// What the other thread does while this one sleeps.
struct asleep {
    explicit asleep(std::function<void(std::chrono::steady_clock::time_point)> act) {
        scripted::while_asleep = std::move(act);
        scripted::sleeps = scripted::wakes = 0;
    }
    ~asleep() { scripted::while_asleep = nullptr; }
};

auto ends_of(scripted_ring& ring) {
    return std::pair{ring.claim_producer<cursor::cached, guard::none>(),
                     ring.claim_consumer<cursor::cached, guard::none>()};
}

}  // namespace

TEST_CASE("futex: publishing to a consumer that is awake makes no system call") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    scripted::wakes = 0;
    for (int i = 0; i != 100; ++i) {
        CHECK(tx.try_push(i));
        CHECK(rx.try_pop() == i);
    }
    tx.close();
    CHECK(scripted::wakes == 0);
}

TEST_CASE("futex: a sleeper is woken once, by the publication that completes what it asked for") {
    for (const std::uint64_t start : {std::uint64_t{0}, ~std::uint64_t{0} - 2}) {
        scripted_ring ring{8, {}, starting_at{start}};
        auto ends = ends_of(ring);
        auto& tx = ends.first;
        auto& rx = ends.second;
        std::size_t wakes_before_the_third = 99;
        const asleep script{[&](auto) {
            CHECK(tx.try_push(1));
            CHECK(tx.try_push(2));
            wakes_before_the_third = scripted::wakes;
            CHECK(tx.try_push(3));
            CHECK(tx.try_push(4));
        }};
        CHECK(rx.wait_readable(3, no_deadline) == status::ok);
        CHECK(wakes_before_the_third == 0);
        CHECK(scripted::wakes == 1);
        CHECK(scripted::sleeps == 1);
        CHECK(tx.try_push(5));
        CHECK(scripted::wakes == 1);
    }
}

TEST_CASE("futex: between hold_wakes and release_wakes nobody is woken, then once, if it was due") {
    for (const int wanted : {1, 3, 4}) {
        CAPTURE(wanted);
        scripted_ring ring{8, {}, starting_at{~std::uint64_t{0} - 1}};
        auto ends = ends_of(ring);
        auto& tx = ends.first;
        auto& rx = ends.second;
        std::size_t wakes_while_held = 99;
        std::size_t wakes_when_released = 99;
        const asleep script{[&](auto) {
            tx.hold_wakes();
            for (int i = 0; i != 3; ++i) {
                CHECK(tx.try_push(i));
            }
            wakes_while_held = scripted::wakes;
            CHECK(rx.readable_at_least() == 3);
            tx.release_wakes();
            wakes_when_released = scripted::wakes;
            CHECK(tx.try_push(3));
        }};
        CHECK(rx.wait_readable(static_cast<std::size_t>(wanted), no_deadline) == status::ok);
        CHECK(wakes_while_held == 0);
        CHECK(wakes_when_released == (wanted <= 3 ? 1 : 0));
        CHECK(scripted::wakes == 1);
    }
}

TEST_CASE("futex: an end that holds its wakes wakes its peer before it waits, closes or dies") {
    const auto wakes_by = [](auto act) {
        scripted_ring ring{8, {}, starting_at{1000}};
        auto ends = ends_of(ring);
        auto& rx = ends.second;
        auto tx = std::optional{std::move(ends.first)};
        std::size_t wakes = 99;
        const asleep script{[&](auto deadline) {
            if (wakes != 99) {
                scripted::time = deadline;
                return;
            }
            wakes = 0;
            tx->hold_wakes();
            CHECK(tx->try_push(1));
            CHECK(scripted::wakes == 0);
            act(tx);
            wakes = scripted::wakes;
        }};
        CHECK(rx.wait_readable(1, no_deadline) == status::ok);
        return wakes;
    };
    CHECK(wakes_by([](auto& tx) { CHECK(tx->wait_writable(8, scripted::time) == status::timed_out); }) == 1);
    CHECK(wakes_by([](auto& tx) { tx->close(); }) == 1);
    CHECK(wakes_by([](auto& tx) { tx.reset(); }) == 1);
    CHECK(wakes_by([](auto& tx) {
              auto moved = std::move(*tx);
              moved.release_wakes();
          }) == 1);
    CHECK(wakes_by([](auto& tx) {
              tx->hold_wakes();  // Holding twice forgets nothing.
              tx->release_wakes();
          }) == 1);
}

TEST_CASE("futex: an end that moved while it held its wakes wakes nobody who is awake") {
    scripted_ring ring{8, {}, starting_at{1000}};
    auto ends = ends_of(ring);
    scripted::wakes = 0;
    ends.first.hold_wakes();
    CHECK(ends.first.try_push(1));
    auto moved = std::move(ends.first);
    moved.release_wakes();
    CHECK(scripted::wakes == 0);
}

TEST_CASE("futex: a close wakes a sleeper whatever it asked for") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    const asleep script{[&](auto) { tx.close(); }};
    CHECK(rx.wait_readable(3, no_deadline) == status::closed);
    CHECK(scripted::wakes == 1);
}

TEST_CASE("futex: a blocked writer is woken once per half ring") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    while (tx.try_push(0)) {
    }
    std::size_t wakes_before_half = 99;
    const asleep script{[&](auto deadline) {
        CHECK(deadline != no_deadline);  // For the convenient amount it waits a moment only.
        for (int i = 0; i != 3; ++i) {
            CHECK(rx.try_pop());
        }
        wakes_before_half = scripted::wakes;
        CHECK(rx.try_pop());
    }};
    CHECK(tx.wait_writable(1, no_deadline) == status::ok);
    CHECK(wakes_before_half == 0);
    CHECK(scripted::wakes == 1);
}

TEST_CASE("futex: a writer whose reader took little and went away gets that little after a moment") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    while (tx.try_push(0)) {
    }
    const asleep script{[&](auto deadline) {
        CHECK(rx.try_pop());
        REQUIRE(deadline != no_deadline);
        scripted::time = deadline;
    }};
    CHECK(tx.wait_writable(1, no_deadline) == status::ok);
    CHECK(scripted::wakes == 0);
}

TEST_CASE("futex: a writer that slept a moment in vain sleeps for exactly what it needs, without end") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    while (tx.try_push(0)) {
    }
    int nap = 0;
    const asleep script{[&](auto deadline) {
        if (++nap == 1) {
            scripted::time = deadline;
            return;
        }
        CHECK(deadline == no_deadline);
        CHECK(rx.try_pop());
    }};
    CHECK(tx.wait_writable(1, no_deadline) == status::ok);
    CHECK(nap == 2);
    CHECK(scripted::wakes == 1);
}

TEST_CASE("futex: a reader about to sleep wakes a writer that sleeps for convenience, whatever it hoped for") {
    // The writer waits for half of the ring, the reader took one less and waits for more than there is.
    scripted_ring ring{16};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    while (tx.try_push(0)) {
    }
    bool writer_sleeps = false;
    std::size_t wakes = 99;
    const asleep script{[&](auto deadline) {
        if (writer_sleeps) {
            wakes = scripted::wakes;
            scripted::time = deadline;
            return;
        }
        writer_sleeps = true;
        for (int i = 0; i != 7; ++i) {
            CHECK(rx.try_pop());
        }
        CHECK(scripted::wakes == 0);
        CHECK(rx.wait_readable(12, scripted::time + 1ms) == status::timed_out);
    }};
    CHECK(tx.wait_writable(1, no_deadline) == status::ok);
    CHECK(wakes == 1);
}

TEST_CASE("futex: two waits that can never both be served: the later one is told, and nobody sleeps on") {
    scripted_ring ring{16};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    for (int i = 0; i != 9; ++i) {
        CHECK(tx.try_push(i));
    }
    status reader = status::ok;
    const asleep script{[&](auto deadline) {
        reader = rx.wait_readable(12, no_deadline);
        scripted::time = std::max(scripted::time, deadline);
    }};
    CHECK(tx.wait_writable(8, scripted::time + 1s) == status::timed_out);
    CHECK(reader == status::stalled);
    CHECK(rx.readable_at_least() == 9);
}

TEST_CASE("futex: a wake that comes before the sleep ends it") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    // The producer publishes at every point of the consumer's way to sleep; wherever that is, the consumer either sees
    // it, or finds the word changed and does not sleep.
    bool pushed = false;
    const asleep script{[&](auto) { CHECK_FALSE(pushed); }};
    for (std::size_t cut = 0; cut != 14; ++cut) {
        CAPTURE(cut);
        pushed = false;
        const auto push_here = [&](const shared_access& a, std::uint64_t value) {
            if (a.index == cut) {
                pushed = tx.try_push(1);
            }
            return value;
        };
        CHECK(scripted::with(push_here, [&] { return rx.wait_readable(1, no_deadline); }) == status::ok);
        CHECK(rx.try_pop() == 1);
    }
}

TEST_CASE("futex: the announcement is withdrawn after a wait that timed out") {
    scripted_ring ring{8};
    auto ends = ends_of(ring);
    auto& tx = ends.first;
    auto& rx = ends.second;
    const asleep script{[&](auto deadline) { scripted::time = deadline; }};
    CHECK(rx.wait_readable(1, scripted::time + 1ms) == status::timed_out);
    CHECK(tx.try_push(1));
    CHECK(scripted::wakes == 0);
}
