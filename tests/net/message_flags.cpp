#include <ferrule/net/message_flags.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <string_view>
#include <thread>

#include "../support/caller.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr auto streams = {equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring};

/// What two programs see is the same on plain sockets and on streams.
void check_as_plain(std::string_view script) {
    for (const auto kind : connections()) {
        const auto as_plain = run_script(script, kind, equipment::plain);
        for (const auto with : streams) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            CHECK(run_script(script, kind, with) == as_plain);
        }
    }
}

/// `act(a, b)` returns what it saw, which must be what is seen on plain sockets.
template <class Act>
void check_acts_as_plain(const Act& act) {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const std::string as_plain = with_ends(kind, equipment::plain, {}, act);
        for (const auto with : streams) {
            CAPTURE(to_string(with));
            CHECK(with_ends(kind, with, {}, act) == as_plain);
        }
    }
}

int error_of(const result<std::size_t>& r) { return r.error().value(); }

}  // namespace

TEST_CASE("flags: MSG_PEEK shows what comes next, again and again, by whichever way it came") {
    const watchdog watched{"peek"};
    check_as_plain("a send 10; a arrives; b peek 4; b peek 10; b peek 100; b recv 3; b peek 7; b recv 7; b try_peek 1");
    check_as_plain("a send 3; a send 5; a arrives; b peek 100; b recv 8; a send 2; a arrives; b peek 5; b recv 2");
    check_as_plain("a send 3; a close; b sees_fin; b peek 1; b peek 9; b recv 9; b peek 9; b recv 9; b peek 1");
    check_as_plain("b try_peek 1; a send 1; a arrives; b peek 0; b recv 1");
    check_as_plain("a send 1000; a arrives; b peek 999; b recv 999; b peek 9; b recv 1");
}

TEST_CASE("flags: MSG_PEEK goes behind the end of the ring's storage and beyond the ring") {
    const watchdog watched{"peek round the corner"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 16;
        how.overflow = splice::overflow::on_full();
        auto pair = on_the_ring(connect(kind), how);
        keyed_sender there;
        keyed_receiver here;
        std::array<std::byte, 64> to{};
        for (std::size_t round = 0; round != 200; ++round) {
            const std::size_t n = 1 + round % 40;
            REQUIRE(there.send_all(pair.first, n));
            for (const std::size_t size : {n, n / 2 + 1, to.size()}) {
                const auto seen = pair.second.recv(std::span{to}.first(size), MSG_PEEK);
                // What went by TCP may still be on its way.
                CHECK(seen.value_or(0) >= std::min({n, size, std::size_t{16}}));
                CHECK(seen.value_or(0) <= std::min(n, size));
                CHECK(is_pattern(std::span{to}.first(seen.value_or(0)), here.position()));
            }
            const auto whole = pair.second.recv(std::span{to}.first(n), MSG_PEEK | (is_tcp(kind) ? MSG_WAITALL : 0));
            CHECK(whole.value_or(0) >= std::min<std::size_t>(n, 16));
            CHECK(is_pattern(std::span{to}.first(whole.value_or(0)), here.position()));
            REQUIRE(here.receive_until(pair.second, there.position()));
        }
        CHECK(pair.first.stats().sent.spills > 10);
        CHECK(pair.second.stats().received.bytes_by_tcp + pair.second.stats().received.bytes_by_ring ==
              there.position());
    }
}

TEST_CASE("flags: MSG_WAITALL waits for everything, and for the end") {
    const watchdog watched{"waitall"};
    check_as_plain("a send 10; a arrives; b recv_all 4; b recv_all 6; a send 4; a close; b recv_all 100; b recv_all 1");
    check_as_plain("a send 5; a shut_wr; b recv_all 100; b recv_all 100");
    check_as_plain("a send 700; a arrives; b recv_all 700; b recv_limit 20; a send 3; b recv_all 9; b recv_all 9");
    check_acts_as_plain([](auto& a, auto& b) {
        std::array<std::byte, 3000> to{};
        caller<std::string> sleeper{[&] {
            const auto received = b.recv(to, MSG_WAITALL);
            return is_pattern(std::span{to}.first(received.value_or(0)), 0) ? told(received) : "wrong bytes";
        }};
        std::array<std::byte, 3000> from{};
        fill_pattern(from, 0);
        for (std::size_t at = 0; at != from.size(); at += 100) {
            CHECK(sleeper.sleeps());
            CHECK(a.send(std::span{from}.subspan(at, 100)).value_or(0) == 100);
        }
        return sleeper.outcome();
    });
}

TEST_CASE("flags: MSG_PEEK with MSG_WAITALL waits for as much as is asked for, and takes nothing") {
    const watchdog watched{"peek and waitall"};
    check_as_plain("a send 4; a arrives; b peek_all 4; b peek_all 3; b recv 4");
    check_as_plain("a send 3; a close; b sees_fin; b peek_all 100; b recv 3; b peek_all 1; b peek_all 5");
    for (const auto with : {equipment::plain, equipment::one, equipment::unopened, equipment::ring}) {
        CAPTURE(to_string(with));
        const auto seen = with_ends(connection::tcp4, with, {}, [](auto& a, auto& b) {
            std::array<std::byte, 300> to{};
            caller<std::string> sleeper{[&] { return told(b.recv(to, MSG_PEEK | MSG_WAITALL)); }};
            std::array<std::byte, 100> from{};
            for (int i = 0; i != 3; ++i) {
                CHECK(sleeper.sleeps());
                CHECK(a.send(from).value_or(0) == 100);
            }
            const std::string peeked = sleeper.outcome();
            return peeked + " " + told(b.recv(to, MSG_WAITALL));
        });
        CHECK(seen == "300 300");
    }
    // No more than the ring holds, or this would wait for a sender that waits for it.
    net::options how;
    how.ring_capacity = 64;
    how.overflow = splice::overflow::never();
    auto pair = on_the_ring(connect(connection::tcp4), how);
    std::array<std::byte, 100> bytes{};
    caller<std::string> sender{[&] { return told(pair.first.send(bytes)); }};
    CHECK(told(pair.second.recv(bytes, MSG_PEEK | MSG_WAITALL)) == "64");
    CHECK(told(pair.second.recv(bytes, MSG_WAITALL)) == "100");
    CHECK(sender.outcome() == "100");
}

TEST_CASE("flags: MSG_TRUNC throws away what it counts, over TCP") {
    const watchdog watched{"truncate"};
    check_acts_as_plain([](auto& a, auto& b) {
        std::array<std::byte, 20> from{};
        fill_pattern(from, 0);
        std::string all;
        std::array<std::byte, 20> to{};
        CHECK(a.send(from).value_or(0) == 20);
        for (const int flags : std::array<int, 2>{MSG_TRUNC, MSG_TRUNC | MSG_PEEK}) {
            std::size_t got = 0;
            while (got < 3) {
                const auto n = b.recv(std::span{to}.first(3 - got), flags);
                REQUIRE(n.value_or(0) != 0);
                got += *n;
            }
            all += std::to_string(got) + " ";
        }
        all += is_pattern(std::span{to}.first(3), 0) || is_pattern(std::span{to}.first(3), 3) ? "copied " : "dropped ";
        std::array<std::byte, 17> rest{};
        all += told(b.recv(rest, MSG_WAITALL));
        return all + (is_pattern(rest, 3) ? " right" : " wrong");
    });
}

TEST_CASE("flags: MSG_MORE sends, by the ring at once, by the socket soon") {
    const watchdog watched{"more"};
    for (const auto kind : connections()) {
        for (const auto with :
             {equipment::plain, equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [&](auto& a, auto& b) {
                std::array<std::byte, 3> bytes{};
                CHECK(told(a.send(bytes, MSG_MORE)) == "3");
                if (with == equipment::ring) {
                    CHECK(told(b.recv(bytes, MSG_DONTWAIT)) == "3");
                } else {
                    CHECK(told(b.recv(bytes, MSG_WAITALL)) == "3");
                }
                CHECK(told(a.send(bytes, MSG_MORE)) == "3");
                CHECK(told(a.send(bytes)) == "3");
                std::array<std::byte, 6> all{};
                CHECK(told(b.recv(all, MSG_WAITALL)) == "6");
            });
        }
    }
}

TEST_CASE("flags: those that ask for nothing are no obstacle") {
    check_acts_as_plain([](auto& a, auto& b) {
        std::string all;
        std::array<std::byte, 3> bytes{};
        for (const int flag :
             std::array<int, 5>{MSG_EOR, MSG_DONTROUTE, MSG_CONFIRM, MSG_NOSIGNAL, MSG_EOR | MSG_DONTWAIT}) {
            all += told(a.send(bytes, flag)) + " ";
            for (const int other :
                 std::array<int, 3>{MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC | MSG_NOSIGNAL}) {
                all += told(b.recv(std::span{bytes}.first(1), other | MSG_WAITALL)) + " ";
            }
        }
        return all;
    });
}

TEST_CASE("flags: those it does not know are refused, and nothing is lost") {
    for (const auto kind : connections()) {
        for (const auto with : streams) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                if constexpr (std::is_same_v<std::remove_cvref_t<decltype(a)>, net::stream>) {
                    std::array<std::byte, 5> bytes{};
                    constexpr int unknown = 1 << 20;
                    for (const int flag : {int{MSG_OOB}, int{MSG_PEEK}, int{MSG_WAITALL}, int{MSG_TRUNC},
                                           int{MSG_CTRUNC}, int{MSG_ZEROCOPY}, int{MSG_FASTOPEN}, int{MSG_ERRQUEUE},
                                           int{MSG_PROXY}, int{MSG_SYN}, int{MSG_RST}, int{MSG_FIN}, unknown}) {
                        CAPTURE(flag);
                        CHECK(error_of(a.send(bytes, flag)) == EOPNOTSUPP);
                        CHECK(error_of(a.send(bytes, flag | MSG_MORE | MSG_DONTWAIT)) == EOPNOTSUPP);
                    }
                    CHECK(told(a.send(bytes)) == "5");
                    CHECK(told(b.recv(bytes, MSG_WAITALL)) == "5");
                    for (const int flag : {int{MSG_OOB}, int{MSG_ERRQUEUE}, int{MSG_MORE}, int{MSG_EOR},
                                           int{MSG_DONTROUTE}, int{MSG_CONFIRM}, int{MSG_WAITFORONE}, unknown}) {
                        CAPTURE(flag);
                        CHECK(error_of(a.recv(bytes, flag)) == EOPNOTSUPP);
                        CHECK(error_of(a.recv(bytes, flag | MSG_PEEK)) == EOPNOTSUPP);
                    }
                    CHECK(told(b.send(bytes)) == "5");
                    CHECK(told(a.recv(bytes, MSG_WAITALL)) == "5");
                }
            });
        }
    }
}
