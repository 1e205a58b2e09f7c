#include <ferrule/cursor/batched.hpp>
// The header under test comes first: it must stand alone.
#include <poll.h>

#include <array>
#include <span>

#include <doctest/doctest.h>
#include <ferrule/concepts.hpp>

#include "../../support/pattern.hpp"
#include "../../support/peer_looks.hpp"
#include "../../support/ring_matrix.hpp"

using namespace ferrule;
using namespace ferrule::test;

static_assert(cursor_policy<cursor::batched<1>>);
static_assert(cursor_policy<cursor::batched<1U << 20U>>);

namespace {

template <std::uint64_t N>
using batches_of = config<on_heap, cursor::batched<N>, guard::checked>;

}  // namespace

TEST_CASE("batched: publishes once per batch, and what is left over when it finds the ring full, or empty") {
    static_assert(pushes == 8);
    const auto by_four = count_accesses<cursor::batched<4>>();
    CHECK(by_four.publications == 2 * 2);
    CHECK(by_four.looks_of_producer == 1);
    CHECK(by_four.looks_of_consumer == 1);
    const auto one_by_one = count_accesses<cursor::batched<1>>();
    CHECK(one_by_one.publications == 2 * pushes);
}

TEST_CASE("batched: the last element of a batch publishes it, whatever the pieces it came in") {
    for (const auto start : starts(16)) {
        CAPTURE(start);
        subject<batches_of<4>, std::byte, 16> s{start};
        std::array<std::byte, 16> bytes{};
        fill_pattern(bytes, 0);
        CHECK(s.tx.try_write(std::span{bytes}.first(3)) == 3);
        CHECK(s.ring.size_guess() == 0);
        CHECK(s.tx.try_push(bytes[3]));
        CHECK(s.ring.size_guess() == 4);
        CHECK(s.tx.try_write(std::span{bytes}.subspan(4, 6)) == 6);
        CHECK(s.ring.size_guess() == 10);
        s.tx.prepare(3, 3).commit(0);
        CHECK(s.ring.size_guess() == 10);
        s.tx.prepare(3, 3).commit(3);
        CHECK(s.ring.size_guess() == 10);
        s.tx.publish();
        CHECK(s.ring.size_guess() == 13);

        std::array<std::byte, 16> got{};
        CHECK(s.rx.try_read(std::span{got}.first(2)) == 2);
        s.rx.peek().release(1);
        CHECK(s.ring.size_guess() == 13);
        CHECK(s.rx.try_pop() == bytes[3]);
        CHECK(s.ring.size_guess() == 9);
        CHECK(s.rx.try_read(std::span{got}.first(9)) == 9);
        CHECK(is_pattern(std::span{got}.first(6), 4));
        CHECK(s.ring.size_guess() == 0);
    }
}

TEST_CASE("batched: a call that has nothing to give shows first what was held back") {
    using never_on_its_own = batches_of<1000>;
    for (const auto start : starts(8)) {
        CAPTURE(start);
        std::array<std::byte, 8> bytes{};
        // The producer: each way of finding less room than asked for.
        const auto shown_by_producer = [&](std::size_t held, auto call) {
            subject<never_on_its_own, std::byte, 8> s{start};
            REQUIRE(s.tx.try_write(std::span{bytes}.first(held)) == held);
            REQUIRE(s.ring.size_guess() == 0);
            CHECK_FALSE(call(s.tx));
            return s.ring.size_guess();
        };
        CHECK(shown_by_producer(8, [](auto& tx) { return tx.try_push(std::byte{}); }) == 8);
        CHECK(shown_by_producer(8, [&](auto& tx) { return tx.try_write(bytes) != 0; }) == 8);
        CHECK(shown_by_producer(8, [](auto& tx) { return static_cast<bool>(tx.prepare(0, 1)); }) == 8);
        CHECK(shown_by_producer(3, [](auto& tx) { return static_cast<bool>(tx.prepare(6, 8)); }) == 3);
        CHECK(shown_by_producer(3, [](auto& tx) { return tx.writable_at_least() == 8; }) == 3);
        // The consumer: each way of finding less than asked for.
        const auto left_by_consumer = [&](std::size_t held, auto call) {
            subject<never_on_its_own, std::byte, 8> s{start};
            REQUIRE(s.tx.try_write(bytes) == 8);
            s.tx.publish();
            REQUIRE(s.rx.try_read(std::span{bytes}.first(held)) == held);
            REQUIRE(s.ring.size_guess() == 8);
            CHECK_FALSE(call(s.rx));
            return s.ring.size_guess();
        };
        CHECK(left_by_consumer(8, [](auto& rx) { return rx.try_pop().has_value(); }) == 0);
        CHECK(left_by_consumer(8, [&](auto& rx) { return rx.try_read(bytes) != 0; }) == 0);
        CHECK(left_by_consumer(8, [](auto& rx) { return static_cast<bool>(rx.peek()); }) == 0);
        CHECK(left_by_consumer(5, [](auto& rx) { return static_cast<bool>(rx.peek(4)); }) == 3);
        CHECK(left_by_consumer(5, [](auto& rx) { return rx.readable_at_least() == 8; }) == 3);
    }
}

TEST_CASE("batched: two ends that only poll get through, whatever they ask for and however large the batch") {
    // Each asks for amounts that do fit together: `in` and `out` free slots or elements need not be there at once only
    // if in + out is at most the capacity and one.
    constexpr std::size_t capacity = 8;
    for (const auto start : starts(capacity)) {
        for (std::size_t in = 1; in <= capacity; ++in) {
            for (std::size_t out = 1; in + out <= capacity + 1; ++out) {
                CAPTURE(start);
                CAPTURE(in);
                CAPTURE(out);
                subject<batches_of<1000>, std::byte, capacity> s{start};
                std::uint64_t sent = 0;
                std::uint64_t got = 0;
                for (int round = 0; round != 200; ++round) {
                    if (auto grant = s.tx.prepare(in, in)) {
                        for (std::size_t i = 0; i != in; ++i) {
                            grant.parts()[i] = pattern_byte(sent + i);
                        }
                        grant.commit(in);
                        sent += in;
                    }
                    if (auto grant = s.rx.peek(out)) {
                        for (std::size_t i = 0; i != out; ++i) {
                            CHECK(grant.parts()[i] == pattern_byte(got + i));
                        }
                        grant.release(out);
                        got += out;
                    }
                }
                CHECK(got >= 90);
            }
        }
    }
}

TEST_CASE("batched: nothing is held back over a wait, an arm, a close, a hand-over or the end of the end") {
    using never_on_its_own = cursor::batched<1000>;
    const auto now = [] { return std::chrono::steady_clock::now(); };
    heap_ring<int, waiter::eventfd> ring{8};
    auto rx = ring.claim_consumer<never_on_its_own>();
    {
        auto tx = ring.claim_producer<never_on_its_own>();
        CHECK(tx.try_push(1));
        CHECK(tx.wait_writable(8, now()) == status::timed_out);
        CHECK(ring.size_guess() == 1);
        CHECK(tx.try_push(2));
        CHECK(tx.arm(8));
        CHECK(ring.size_guess() == 2);
        CHECK(tx.try_push(3));
        auto moved = std::move(tx);
        CHECK(ring.size_guess() == 2);
        moved.publish();
        CHECK(ring.size_guess() == 3);
        CHECK(moved.try_push(4));
        moved = ring.claim_producer<never_on_its_own>();  // Refused; the one that had it dies.
        CHECK(ring.size_guess() == 4);
    }
    CHECK(rx.try_pop() == 1);
    CHECK(rx.wait_readable(4, now()) == status::timed_out);
    CHECK(ring.size_guess() == 3);
    CHECK(rx.try_pop() == 2);
    CHECK(rx.arm(4));
    CHECK(ring.size_guess() == 2);
    {
        auto tx = ring.claim_producer<never_on_its_own>();
        CHECK(tx.try_push(5));
        tx.hold_wakes();
        CHECK(tx.try_push(6));
        tx.close();
        CHECK(ring.size_guess() == 4);
    }
    CHECK(rx.try_pop() == 3);
    rx.close();
    CHECK(ring.size_guess() == 3);
}

TEST_CASE("batched: what a wait or an arm brings out wakes the peer, even while wakes are held") {
    for (const bool arms : {false, true}) {
        CAPTURE(arms);
        heap_ring<int, waiter::eventfd> ring{8};
        auto tx = ring.claim_producer<cursor::batched<1000>>();
        auto rx = ring.claim_consumer();
        ::pollfd woken{.fd = rx.poll_fd(), .events = POLLIN, .revents = 0};
        CHECK(rx.arm(1));
        tx.hold_wakes();
        CHECK(tx.try_push(1));
        CHECK(::poll(&woken, 1, 0) == 0);
        if (arms) {
            CHECK(tx.arm(8));
        } else {
            CHECK(tx.wait_writable(8, std::chrono::steady_clock::now()) == status::timed_out);
        }
        CHECK(::poll(&woken, 1, 0) == 1);
    }
}
