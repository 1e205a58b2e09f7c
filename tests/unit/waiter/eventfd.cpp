#include <ferrule/waiter/eventfd.hpp>
// The header under test comes first: it must stand alone.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <system_error>
#include <thread>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/watchdog.hpp"

using namespace ferrule;

static_assert(waiter_policy<waiter::eventfd>);
static_assert(pollable_point<waiter::eventfd::point<detail::native>>);
static_assert(pollable_point<waiter::then<waiter::spin<>, waiter::eventfd>::point<detail::native>>);
static_assert(!pollable_point<waiter::futex<>::point<detail::native>>);

namespace {

[[nodiscard]] bool readable(int fd) {
    ::pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

TEST_CASE("eventfd: an armed end is woken through its descriptor, once what it asked for is there") {
    heap_ring<int, waiter::eventfd> ring{8};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    const int fd = rx.poll_fd();
    CHECK(fd != tx.poll_fd());
    CHECK(rx.arm(2));
    CHECK(tx.try_push(1));
    CHECK_FALSE(readable(fd));
    CHECK(tx.try_push(2));
    CHECK(readable(fd));
    CHECK(tx.try_push(3));
    CHECK_FALSE(rx.arm(3));  // There already: go on instead.
    CHECK_FALSE(readable(fd));
    CHECK(rx.arm(4));
    tx.close();
    CHECK(readable(fd));
    CHECK_FALSE(rx.arm(4));  // And nothing more will come.
}

TEST_CASE("eventfd: an end that dies armed leaves no announcement behind") {
    heap_ring<int, waiter::eventfd> ring{8};
    auto tx = ring.claim_producer();
    {
        auto rx = ring.claim_consumer();
        CHECK(rx.arm(8));
    }
    CHECK(tx.try_push(1));
    auto rx = ring.claim_consumer();
    // Were it taken for a sleeper that needs eight, this wait for eight would be a stall.
    CHECK(tx.wait_writable(8, std::chrono::steady_clock::now() + std::chrono::milliseconds{5}) == status::timed_out);
    CHECK_FALSE(rx.arm(9));
    CHECK(rx.state() == status::too_large);
}

TEST_CASE("eventfd: an end that was not armed is left alone") {
    heap_ring<int, waiter::eventfd> ring{8};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK(tx.try_push(1));
    CHECK(rx.try_pop() == 1);
    tx.close();
    CHECK_FALSE(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: a producer waits for space in an event loop, too") {
    heap_ring<int, waiter::eventfd> ring{2};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK_FALSE(tx.arm(1));
    CHECK(tx.try_push(1));
    CHECK(tx.try_push(2));
    CHECK(tx.arm(2));
    CHECK(rx.try_pop() == 1);
    CHECK_FALSE(readable(tx.poll_fd()));
    CHECK(rx.try_pop() == 2);
    CHECK(readable(tx.poll_fd()));
}

TEST_CASE("eventfd: an end that holds its wakes lets them go before it is armed") {
    heap_ring<int, waiter::eventfd> ring{2};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK(rx.arm(1));
    tx.hold_wakes();
    CHECK(tx.try_push(1));
    CHECK_FALSE(readable(rx.poll_fd()));
    CHECK(tx.arm(2));
    CHECK(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: an end that hopes for more than it needs is woken for what it hopes for") {
    heap_ring<int, waiter::eventfd> ring{8};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK(rx.arm(1, 3));
    CHECK(tx.try_push(1));
    CHECK(tx.try_push(2));
    CHECK_FALSE(readable(rx.poll_fd()));
    CHECK(tx.try_push(3));
    CHECK(readable(rx.poll_fd()));
    CHECK_FALSE(rx.arm(1, 8));  // What it needs is there.
    CHECK(rx.arm(4, 1));        // Hoping for less is hoping for just that.
    CHECK(tx.try_push(4));
    CHECK(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: an end that hopes for more gets what there is when its peer goes to sleep") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    for (int i = 0; i != 4; ++i) {
        CHECK(tx.try_push(i));
    }
    CHECK(tx.arm(2, 4));
    CHECK(rx.try_pop() == 0);
    CHECK(rx.arm(4));
    CHECK_FALSE(readable(tx.poll_fd()));  // It needs two.
    CHECK(rx.try_pop() == 1);
    CHECK_FALSE(readable(tx.poll_fd()));
    CHECK(rx.arm(3));
    CHECK(readable(tx.poll_fd()));
}

TEST_CASE("eventfd: more than the ring can hold is refused, hoped for or not") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK_FALSE(rx.arm(5, 5));
    CHECK(rx.state() == status::too_large);
    CHECK(rx.arm(1, 5));  // Is never woken for that, but when its peer sleeps or closes.
    CHECK(tx.try_push(1));
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.arm_for_nudge();
    CHECK(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: an end armed for a nudge is woken by that and by a close, and by no element") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    rx.arm_for_nudge();
    for (int i = 0; i != 4; ++i) {
        CHECK(tx.try_push(i));
    }
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.nudge();
    CHECK(readable(rx.poll_fd()));
    rx.arm_for_nudge();  // Although there is something to read.
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.nudge();
    tx.nudge();
    CHECK(readable(rx.poll_fd()));
    rx.arm_for_nudge();
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.close();
    CHECK(readable(rx.poll_fd()));

    heap_ring<int, waiter::eventfd> other{4};
    auto writer = other.claim_producer();
    auto reader = other.claim_consumer();
    writer.arm_for_nudge();
    CHECK(writer.try_push(1));
    CHECK(reader.try_pop() == 1);
    CHECK_FALSE(readable(writer.poll_fd()));
    reader.nudge();
    CHECK(readable(writer.poll_fd()));
    writer.arm_for_nudge();
    reader.close();
    CHECK(readable(writer.poll_fd()));
}

TEST_CASE("eventfd: two ends that both wait for a nudge can both be nudged") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    tx.arm_for_nudge();
    rx.arm_for_nudge();
    CHECK_FALSE(readable(tx.poll_fd()));
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.nudge();
    CHECK(readable(rx.poll_fd()));
    rx.nudge();
    CHECK(readable(tx.poll_fd()));
}

TEST_CASE("eventfd: a nudge wakes whoever waits for elements, too, and nobody who does not wait") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    tx.nudge();
    CHECK_FALSE(readable(rx.poll_fd()));
    CHECK(rx.arm(3));
    CHECK(tx.try_push(1));
    tx.nudge();
    CHECK(readable(rx.poll_fd()));
    CHECK_FALSE(rx.arm(1));
    tx.nudge();
    CHECK_FALSE(readable(rx.poll_fd()));  // It did not wait.
}

TEST_CASE("eventfd: a nudge asks whether it matters only if somebody waits, and then leaves it at that") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    int asked = 0;
    bool matters = false;
    const auto cares = [&]() noexcept {
        ++asked;
        return matters;
    };
    tx.nudge_if(cares);
    CHECK(asked == 0);
    rx.arm_for_nudge();
    tx.nudge_if(cares);
    CHECK(asked == 1);
    CHECK_FALSE(readable(rx.poll_fd()));
    matters = true;
    tx.nudge_if(cares);
    CHECK(asked == 2);
    CHECK(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: an end that was disarmed is left alone") {
    for (const bool for_nudge : {false, true}) {
        heap_ring<int, waiter::eventfd> ring{4};
        auto tx = ring.claim_producer();
        auto rx = ring.claim_consumer();
        if (for_nudge) {
            rx.arm_for_nudge();
        } else {
            CHECK(rx.arm(1));
        }
        rx.disarm();
        CHECK(tx.try_push(1));
        tx.nudge();
        tx.close();
        CHECK_FALSE(readable(rx.poll_fd()));
        CHECK(rx.try_pop() == 1);
    }
}

TEST_CASE("eventfd: an end that holds its wakes lets them go before it waits for a nudge") {
    heap_ring<int, waiter::eventfd> ring{2};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    CHECK(rx.arm(1));
    tx.hold_wakes();
    CHECK(tx.try_push(1));
    CHECK_FALSE(readable(rx.poll_fd()));
    tx.arm_for_nudge();
    CHECK(readable(rx.poll_fd()));
}

TEST_CASE("eventfd: a look behind the barrier counts what may be moved, and publishes what was held back") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer<cursor::batched<64>, guard::none>();
    auto rx = ring.claim_consumer();
    CHECK(rx.look_behind_barrier() == 0);
    CHECK(tx.look_behind_barrier() == 4);
    CHECK(tx.try_push(1));
    CHECK(tx.try_push(2));
    CHECK(tx.look_behind_barrier() == 2);
    CHECK(rx.look_behind_barrier() == 2);
    CHECK(rx.try_pop() == 1);
    CHECK(rx.look_behind_barrier() == 1);
    CHECK(tx.look_behind_barrier() == 3);
}

TEST_CASE("eventfd: a poll with a point of the caller's looks that long, and also when nothing more will come") {
    heap_ring<int, waiter::eventfd> ring{4};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    using spinning = waiter::spin<>;
    spinning::point<detail::native> at_once{spinning{std::chrono::nanoseconds{0}}};
    spinning::point<detail::native> briefly{spinning{std::chrono::microseconds{20}}};
    CHECK(rx.poll(at_once, 1, no_deadline) == polled::spent);
    CHECK(rx.poll(briefly, 1, no_deadline) == polled::spent);
    CHECK(rx.poll(at_once, 1, std::chrono::steady_clock::now()) == polled::expired);
    CHECK(rx.poll(briefly, 1, std::chrono::steady_clock::now()) == polled::expired);
    CHECK(tx.poll(at_once, 4, no_deadline) == polled::enough);
    CHECK(tx.try_push(1));
    CHECK(rx.poll(at_once, 1, no_deadline) == polled::enough);
    CHECK(rx.poll(at_once, 2, no_deadline) == polled::spent);
    tx.close();
    CHECK(rx.poll(at_once, 2, no_deadline) == polled::enough);
    CHECK(rx.try_pop() == 1);
    CHECK(rx.poll(at_once, 1, no_deadline) == polled::enough);
    CHECK(rx.finished());
    CHECK_FALSE(readable(rx.poll_fd()));  // And nobody was asked to wake it.
}

TEST_CASE("eventfd: a stream through epoll, level-triggered, arrives whole") {
    const test::watchdog watched{"a stream through epoll"};
    constexpr int total = 5000;
    heap_ring<int, waiter::eventfd> ring{4};
    std::thread writer{[tx = ring.claim_producer()]() mutable {
        for (int i = 0; i != total;) {
            if (tx.try_push(i)) {
                ++i;
            } else {
                (void)tx.wait_writable(1, no_deadline);
            }
        }
        tx.close();
    }};
    auto rx = ring.claim_consumer();
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    ::epoll_event interest{};
    interest.events = EPOLLIN;
    REQUIRE(::epoll_ctl(epoll, EPOLL_CTL_ADD, rx.poll_fd(), &interest) == 0);
    int next = 0;
    int wrong = 0;
    while (!rx.finished()) {
        while (const auto value = rx.try_pop()) {
            wrong += *value == next++ ? 0 : 1;
        }
        if (rx.arm(1)) {
            ::epoll_event event{};
            (void)::epoll_wait(epoll, &event, 1, -1);
        }
    }
    writer.join();
    ::close(epoll);
    CHECK(wrong == 0);
    CHECK(next == total);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool needs_descriptors_itself = true;  // UBSan, which comes with it here, opens a pipe to check an object.
#else
constexpr bool needs_descriptors_itself = false;
#endif

TEST_CASE("eventfd: no descriptor to be had is an error of the ring's constructor, and leaks none" *
          doctest::skip(needs_descriptors_itself)) {
    ::rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    for (const int spare : {0, 1}) {
        const ::rlimit few{static_cast<::rlim_t>(lowest_free + spare), before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        CHECK_THROWS_AS((heap_ring<int, waiter::eventfd>{2}), std::system_error);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    }
    const int again = ::dup(0);
    CHECK(again == lowest_free);
    ::close(again);
}
