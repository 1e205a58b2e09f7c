#include <ferrule/splice/ledger.hpp>
// The header under test comes first: it must stand alone.
#include <cstdint>
#include <limits>
#include <string>

#include <doctest/doctest.h>
#include <ferrule/detail/native.hpp>

#include "../../support/scripted_platform.hpp"

using namespace ferrule;
using namespace ferrule::test;
using splice::inlet;
using splice::outlet;

namespace {

using words = splice::side_words<detail::native>;

/// One direction: what both sides say, the two halves of the rule, and what there is to take from ring and TCP.
struct direction {
    words of_sender;
    words of_receiver;
    splice::sending<detail::native> sender{of_sender, of_receiver};
    splice::receiving<detail::native> receiver{of_receiver, of_sender};
    std::uint64_t in_ring = 0;
    std::uint64_t in_tcp = 0;
    int looks_at_tcp = 0;

    [[nodiscard]] inlet look() {
        return receiver.next([this]() noexcept { return in_ring != 0; },
                             [this]() noexcept {
                                 ++looks_at_tcp;
                                 return in_tcp != 0;
                             });
    }
    void send_by_tcp(std::uint64_t n) {
        sender.sent_by_tcp(n);
        in_tcp += n;
    }
    void take_from_tcp(std::uint64_t n) {
        in_tcp -= n;
        receiver.took(n);
    }
    /// The receiver's part of opening: takes what there is, and answers if it may.
    [[nodiscard]] bool receive_everything() {
        while (look() == inlet::tcp && in_tcp != 0) {
            take_from_tcp(in_tcp);
        }
        return receiver.answer();
    }
    void open() {
        receiver.be_ready();
        REQUIRE(sender.may_flush());
        sender.begin_flush();
        REQUIRE(receive_everything());
        REQUIRE(sender.next() == outlet::ring);
    }
};

}  // namespace

TEST_CASE("ledger: a direction begins by TCP, and may not flush before the receiver is ready") {
    direction d;
    CHECK(d.sender.next() == outlet::tcp);
    CHECK_FALSE(d.sender.may_flush());
    CHECK_FALSE(d.sender.is_open());
    CHECK_FALSE(d.sender.is_finished());
    d.receiver.be_ready();
    CHECK(d.sender.may_flush());
    CHECK(d.sender.next() == outlet::tcp);
}

TEST_CASE("ledger: a flush opens the ring once it was answered, and not before") {
    direction d;
    d.receiver.be_ready();
    d.sender.begin_flush();
    CHECK(d.sender.next() == outlet::flushing);
    CHECK_FALSE(d.sender.may_flush());
    CHECK_FALSE(d.sender.ring_is_next());
    CHECK(d.receive_everything());
    CHECK(d.sender.next() == outlet::ring);
    CHECK(d.sender.ring_is_next());
    CHECK(d.sender.is_open());
    CHECK_FALSE(d.sender.may_flush());
}

TEST_CASE("ledger: an answer is given once per flush, and never to none") {
    direction d;
    CHECK_FALSE(d.receive_everything());
    d.receiver.be_ready();
    CHECK_FALSE(d.receive_everything());
    d.sender.begin_flush();
    CHECK(d.receive_everything());
    CHECK_FALSE(d.receive_everything());
}

TEST_CASE("ledger: a flush is answered only by a look at TCP that came after it was noted") {
    direction d;
    d.receiver.be_ready();
    // The look finds nothing; the flush begins; and only then the receiver draws its conclusion.
    CHECK(d.look() != inlet::ring);
    d.send_by_tcp(4);
    d.sender.begin_flush();
    CHECK_FALSE(d.receiver.answer());
    CHECK(d.sender.next() == outlet::flushing);
    CHECK(d.receiver.there_is_news());
    CHECK(d.receive_everything());
    CHECK(d.sender.next() == outlet::ring);
}

TEST_CASE("ledger: a byte by TCP makes a flush void, and its answer when it comes") {
    direction d;
    d.receiver.be_ready();
    d.sender.begin_flush();
    d.send_by_tcp(0);
    CHECK(d.sender.next() == outlet::flushing);
    d.send_by_tcp(1);
    CHECK(d.sender.next() == outlet::tcp);
    CHECK(d.receive_everything());  // The answer to the void one, and for all the receiver knows a good one.
    CHECK(d.sender.next() == outlet::tcp);
    CHECK(d.sender.may_flush());
    d.sender.begin_flush();
    CHECK(d.sender.next() == outlet::flushing);
    CHECK(d.receive_everything());
    CHECK(d.sender.next() == outlet::ring);
}

TEST_CASE("ledger: flushes that were never answered are answered together by the last one's answer") {
    direction d;
    d.receiver.be_ready();
    for (int i = 0; i != 5; ++i) {
        d.sender.begin_flush();
        d.send_by_tcp(1);
    }
    d.sender.begin_flush();
    CHECK(d.receive_everything());
    CHECK_FALSE(d.receiver.answer());
    CHECK(d.sender.next() == outlet::ring);
}

TEST_CASE("ledger: a receiver that was ready before it was looked at answers epochs that came before as well") {
    direction d;
    d.of_sender.sends.epoch.store(7, std::memory_order_relaxed);
    d.receiver.be_ready();
    CHECK(d.receive_everything());
    CHECK(d.of_receiver.receives.drained.load(std::memory_order_relaxed) == 7);
}

TEST_CASE("ledger: epochs go on through the end of their numbers") {
    constexpr auto last = std::numeric_limits<std::uint32_t>::max();
    direction d;
    d.of_sender.sends.epoch.store(last, std::memory_order_relaxed);
    CHECK(d.receiver.there_is_news());
    CHECK(d.receive_everything());
    CHECK(d.of_receiver.receives.drained.load(std::memory_order_relaxed) == last);
    CHECK_FALSE(d.receiver.there_is_news());
    d.of_sender.sends.epoch.store(0, std::memory_order_relaxed);
    CHECK(d.receiver.there_is_news());
    CHECK(d.receive_everything());
    CHECK(d.of_receiver.receives.drained.load(std::memory_order_relaxed) == 0);
    CHECK_FALSE(d.receiver.there_is_news());
}

TEST_CASE("ledger: what goes by TCP although the ring is open lets the ring wait until it was taken") {
    direction d;
    d.open();
    d.send_by_tcp(0);
    CHECK(d.sender.ring_is_next());
    d.send_by_tcp(3);
    CHECK_FALSE(d.sender.ring_is_next());
    CHECK(d.sender.next() == outlet::settling);
    CHECK(d.sender.is_open());
    d.take_from_tcp(2);
    CHECK(d.sender.next() == outlet::settling);
    d.send_by_tcp(2);
    d.take_from_tcp(1);
    CHECK(d.sender.next() == outlet::settling);
    d.take_from_tcp(2);
    CHECK(d.sender.next() == outlet::ring);
    CHECK(d.sender.ring_is_next());
}

TEST_CASE("ledger: what was taken from TCP is counted from the beginning, and never begins anew") {
    direction d;
    d.send_by_tcp(5);
    d.take_from_tcp(5);
    CHECK(d.sender.taken() == 5);
    d.open();
    CHECK(d.sender.taken() == 5);
    d.send_by_tcp(2);
    CHECK(d.sender.next() == outlet::settling);
    d.take_from_tcp(1);
    CHECK(d.sender.next() == outlet::settling);
    d.take_from_tcp(1);
    CHECK(d.sender.taken() == 7);
    CHECK(d.sender.next() == outlet::ring);
}

TEST_CASE("ledger: a receiver that took what was never sent, or gives back what it had, has no ring any more") {
    for (const std::uint64_t lie : {std::uint64_t{16}, std::uint64_t{9}, std::numeric_limits<std::uint64_t>::max()}) {
        CAPTURE(lie);
        direction d;
        d.receiver.be_ready();
        d.send_by_tcp(10);
        d.take_from_tcp(10);
        d.open();
        d.send_by_tcp(5);
        d.of_receiver.receives.tcp_taken.store(lie, std::memory_order_relaxed);
        CHECK(d.sender.next() == outlet::tcp);
        CHECK(d.sender.is_finished());
        d.of_receiver.receives.tcp_taken.store(15, std::memory_order_relaxed);
        CHECK(d.sender.next() == outlet::tcp);
        CHECK_FALSE(d.sender.may_flush());
    }
}

TEST_CASE("ledger: counts go on through 2^32") {
    constexpr std::uint64_t almost = (std::uint64_t{1} << 32U) - 3;
    direction d;
    d.send_by_tcp(almost);
    d.take_from_tcp(almost);
    d.open();
    d.send_by_tcp(7);
    d.take_from_tcp(6);
    CHECK(d.sender.next() == outlet::settling);
    d.take_from_tcp(1);
    CHECK(d.sender.taken() == almost + 7);
    CHECK(d.sender.next() == outlet::ring);
}

TEST_CASE("ledger: the receiver can tell when it has taken what the sender waits for, and not before") {
    direction d;
    d.open();
    d.send_by_tcp(3);
    d.sender.about_to_sleep();
    d.take_from_tcp(2);
    CHECK_FALSE(d.receiver.sender_waits_for_it());
    d.take_from_tcp(1);
    CHECK(d.receiver.sender_waits_for_it());
}

TEST_CASE("ledger: the ring comes first while it holds anything, and TCP is not asked then") {
    direction d;
    d.open();
    d.looks_at_tcp = 0;
    d.in_ring = 1;
    d.in_tcp = 1;
    CHECK(d.look() == inlet::ring);
    CHECK(d.looks_at_tcp == 0);
    d.in_ring = 0;
    CHECK(d.look() == inlet::tcp);
    CHECK(d.looks_at_tcp == 1);
    d.in_tcp = 0;
    CHECK(d.look() == inlet::nothing);
}

TEST_CASE("ledger: before the ring was first opened the kernel is not asked whether it has anything") {
    direction d;
    d.receiver.be_ready();
    CHECK(d.look() == inlet::tcp);
    CHECK(d.looks_at_tcp == 0);
    d.open();
    CHECK(d.look() == inlet::nothing);
    CHECK(d.looks_at_tcp != 0);
}

TEST_CASE("ledger: what came into the ring while TCP was asked comes before what TCP has") {
    direction d;
    d.open();
    int looks_at_ring = 0;
    const auto ring_fills_meanwhile = [&]() noexcept { return ++looks_at_ring == 2; };
    const auto tcp_has = []() noexcept { return true; };
    CHECK(d.receiver.next(ring_fills_meanwhile, tcp_has) == inlet::ring);
    CHECK(looks_at_ring == 2);
    const auto ring_is_empty = []() noexcept { return false; };
    CHECK(d.receiver.next(ring_is_empty, tcp_has) == inlet::tcp);
}

TEST_CASE("ledger: the last look at the ring comes after what the sender said was noted, and after TCP was asked") {
    using scripted_words = splice::side_words<scripted>;
    scripted_words of_sender;
    scripted_words of_receiver;
    splice::receiving<scripted> receiver{of_receiver, of_sender};
    of_sender.sends.epoch.store(1, std::memory_order_relaxed);
    const auto none = []() noexcept { return false; };
    CHECK(receiver.next(none, none) == inlet::tcp);
    REQUIRE(receiver.answer());
    std::string order;
    const auto write_down = [&](const shared_access& a, std::uint64_t value) {
        order += a.word == &of_sender.sends.epoch ? 'e' : a.word == &of_sender.sends.left ? 'l' : 'h';
        return value;
    };
    scripted::with(write_down, [&] {
        return receiver.next(
            [&]() noexcept {
                order += 'r';
                return false;
            },
            [&]() noexcept {
                order += 't';
                return false;
            });
    });
    CHECK(order == "relhtr");
}

TEST_CASE("ledger: a sender that leaves uses the ring no more, and the receiver is out once it is empty") {
    direction d;
    d.open();
    d.in_ring = 2;
    d.sender.leave();
    CHECK(d.sender.is_finished());
    CHECK(d.sender.next() == outlet::tcp);
    CHECK_FALSE(d.sender.may_flush());
    CHECK(d.receiver.there_is_news());
    CHECK(d.look() == inlet::ring);
    CHECK_FALSE(d.receiver.is_out());
    d.in_ring = 0;
    d.in_tcp = 1;
    CHECK(d.look() == inlet::tcp);
    CHECK(d.receiver.is_out());
    CHECK_FALSE(d.receiver.there_is_news());
    d.in_ring = 1;  // Cannot be; and is not looked at.
    CHECK(d.look() == inlet::tcp);
    d.in_tcp = 0;
    CHECK(d.look() == inlet::nothing);
}

TEST_CASE("ledger: a receiver is not out while the ring holds what was there before the sender left") {
    for (const bool half_closed : {false, true}) {
        direction d;
        d.open();
        // The first look finds nothing; then the sender writes two, and leaves.
        int looks = 0;
        const auto ring_has = [&]() noexcept {
            if (++looks == 1) {
                d.in_ring = 2;
                if (half_closed) {
                    d.of_sender.endpoint.half_closed.store(1, std::memory_order_release);
                } else {
                    d.sender.leave();
                }
                return false;
            }
            return d.in_ring != 0;
        };
        const auto tcp_has = []() noexcept { return true; };
        CHECK(d.receiver.next(ring_has, tcp_has) == inlet::ring);
        d.in_ring = 1;
        CHECK_FALSE(d.receiver.is_out());
        CHECK(d.receiver.next(ring_has, tcp_has) == inlet::ring);
        d.in_ring = 0;
        CHECK(d.receiver.next(ring_has, tcp_has) == inlet::tcp);
        CHECK(d.receiver.is_out());
    }
}

TEST_CASE("ledger: a half-close counts as having left") {
    direction d;
    d.open();
    d.of_sender.endpoint.half_closed.store(1, std::memory_order_release);
    CHECK(d.receiver.there_is_news());
    d.in_ring = 1;
    CHECK(d.look() == inlet::ring);
    CHECK_FALSE(d.receiver.is_out());
    d.in_ring = 0;
    CHECK(d.look() == inlet::nothing);
    CHECK(d.receiver.is_out());
    CHECK_FALSE(d.receiver.there_is_news());
}

TEST_CASE("ledger: a receiver that is out answers no flush") {
    direction d;
    d.receiver.be_ready();
    d.sender.begin_flush();
    d.sender.leave();
    CHECK(d.look() != inlet::ring);
    CHECK(d.receiver.is_out());
    CHECK_FALSE(d.receiver.answer());
}

TEST_CASE("ledger: a peer that wants to leave is heard once, and left to once") {
    direction d;
    d.open();
    CHECK_FALSE(d.sender.hear());
    CHECK_FALSE(d.sender.must_leave());
    d.of_receiver.endpoint.leaving.store(1, std::memory_order_relaxed);
    CHECK(d.sender.hear());
    CHECK(d.sender.must_leave());
    CHECK_FALSE(d.sender.hear());
    CHECK(d.sender.is_open());  // Until it says so.
    d.sender.leave();
    CHECK_FALSE(d.sender.must_leave());
    CHECK(d.of_sender.sends.left.load(std::memory_order_relaxed) != 0);
    CHECK_FALSE(d.sender.hear());
}

TEST_CASE("ledger: a peer that is gone is heard once, and ends the use of the ring") {
    direction d;
    d.open();
    d.send_by_tcp(1);
    d.of_receiver.endpoint.gone.store(1, std::memory_order_relaxed);
    CHECK_FALSE(d.sender.peer_is_gone());
    CHECK(d.sender.hear());
    CHECK(d.sender.peer_is_gone());
    CHECK_FALSE(d.sender.hear());
    CHECK(d.sender.is_finished());
    CHECK(d.sender.next() == outlet::tcp);
    CHECK_FALSE(d.sender.may_flush());
}

TEST_CASE("ledger: a peer that wants to leave and is gone is heard for each") {
    direction d;
    d.open();
    d.of_receiver.endpoint.leaving.store(1, std::memory_order_relaxed);
    d.of_receiver.endpoint.gone.store(1, std::memory_order_relaxed);
    CHECK(d.sender.hear());
    CHECK(d.sender.hear());
    CHECK_FALSE(d.sender.hear());
    CHECK(d.sender.peer_is_gone());
    CHECK(d.sender.must_leave());
}

TEST_CASE("ledger: a FIN is a death unless the peer has said that it would send nothing more") {
    direction d;
    CHECK(d.sender.fin_means_death());
    d.of_receiver.endpoint.half_closed.store(1, std::memory_order_release);
    CHECK_FALSE(d.sender.fin_means_death());
}

TEST_CASE("ledger: once finished, whatever was under way, everything goes by TCP") {
    for (const bool opened : {false, true}) {
        for (const bool flushing : {false, true}) {
            direction d;
            d.receiver.be_ready();
            if (opened) {
                d.open();
                d.send_by_tcp(1);
            } else if (flushing) {
                d.sender.begin_flush();
            }
            d.sender.finish();
            (void)d.receive_everything();
            CHECK(d.sender.next() == outlet::tcp);
            CHECK_FALSE(d.sender.ring_is_next());
            CHECK_FALSE(d.sender.is_open());
            CHECK_FALSE(d.sender.may_flush());
            CHECK(d.sender.is_finished());
        }
    }
}
