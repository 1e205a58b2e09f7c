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
