// What ends a connection, and each of its directions, is told as the kernel tells it: every script here is run on
// plain sockets and on streams, before and after their rings are open, and what the two programs see must be the same.
#include <array>
#include <csignal>
#include <string_view>
#include <thread>

#include "../support/caller.hpp"
#include "../support/in_child.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

void check_as_plain(std::string_view script, connection kind) {
    const auto as_plain = run_script(script, kind, equipment::plain);
    for (const auto with : {equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring}) {
        CAPTURE(to_string(kind));
        CAPTURE(to_string(with));
        CHECK(run_script(script, kind, with) == as_plain);
    }
}

void check_as_plain(std::string_view script) {
    for (const auto kind : connections()) {
        check_as_plain(script, kind);
    }
}

}  // namespace

TEST_CASE("ends: bytes come before the end, and the end again and again") {
    const watchdog watched{"bytes before the end"};
    check_as_plain("a send 10; a close; b recv 4; b recv 6; b recv 1; b recv 1; b recv 1");
    check_as_plain("a send 10; a shut_wr; b recv 100; b recv 1; b recv 1");
    check_as_plain("a shut_wr; b recv 1; b recv 1; b try_recv 1");
    check_as_plain("a close; b recv 1; b recv 1");
    check_as_plain("a send 3; b send 3; b shut_wr; a shut_wr; a recv 4; b recv 4; a recv 1; b recv 1");
}

TEST_CASE("ends: one direction ends and the other goes on") {
    const watchdog watched{"half-close"};
    check_as_plain("a shut_wr; b recv 1; b send 5; a recv 5; b send 10; a recv 10; b close; a recv 1");
    check_as_plain(
        "b send 2; a send 10; a shut_wr; b send 5; a recv 7; b recv 100; b send 3; b shut_wr; a recv 9; a recv 1");
    check_as_plain("a shut_wr; a send 1; a send 1; a send 0; b send 5; a recv 5");
    check_as_plain("a shut_wr; a shut_wr; b recv 1; b shut_wr; a recv 1; a try_recv 1");
}

TEST_CASE("ends: who sends to a closed end is told so") {
    const watchdog watched{"send to a closed end"};
    check_as_plain("b close; a sees_fin; a send 1; a sees_end; a send 1; a send 1; a recv 1; a recv 1");
    check_as_plain("b close; a recv 1; a send 10; a sees_end; a send 1; a recv 1");
    check_as_plain("a send 5; b recv 5; b close; a sees_fin; a send 10; a sees_end; a send 10; a recv 1; a recv 1");
    check_as_plain("b shut_wr; b close; a recv 1; a send 10; a sees_end; a send 1; a recv 1");
    check_as_plain("b send 5; b close; a sees_fin; a send 1; a sees_end; a recv 5; a recv 1; a recv 1; a send 1");
    check_as_plain("a shut_wr; b recv 1; b close; a recv 1; a recv 1; a send 1; a recv 1");
}

TEST_CASE("ends: closing with something unread is a reset") {
    const watchdog watched{"reset"};
    check_as_plain("a send 10; a arrives; b close; a sees_end; a recv 1; a recv 1; a send 1; a send 1");
    check_as_plain("a send 10; a arrives; b close; a sees_end; a send 1; a send 1; a recv 1; a recv 1");
    check_as_plain("a send 10; a arrives; b recv 4; b close; a sees_end; a recv 1; a recv 1; a send 1");
    check_as_plain("a send 10; a arrives; b recv 8; b close; a sees_end; a recv 1; a recv 1; a send 1");
    check_as_plain(
        "b send 6; b arrives; a send 10; a arrives; b close; a sees_end; a recv 3; a recv 3; a recv 1; a recv 1; a "
        "send 1");
    check_as_plain("b send 6; b arrives; a send 10; a arrives; b close; a sees_end; a recv 100; a recv 1");
    check_as_plain("a send 10; a shut_wr; a arrives; b close; a sees_end; a recv 1; a recv 1; a send 1");
    check_as_plain("a send 10; a arrives; b shut_wr; b close; a sees_end; a recv 1; a recv 1; a send 1; a send 1");
    check_as_plain("a send 10; a close; b sees_fin; b close");
    check_as_plain("a send 10; a arrives; b send 10; b arrives; a close; b sees_end; b recv 20; b recv 1; b send 1");
}

TEST_CASE("ends: after shutting down reading, what has arrived can still be read") {
    const watchdog watched{"SHUT_RD"};
    check_as_plain("a send 5; a arrives; b shut_rd; b recv 2; b recv 100; b recv 1; b try_recv 1");
    check_as_plain("b shut_rd; b recv 1; b send 5; a recv 5; b send 5; b shut_wr; a recv 6; a recv 1");
    check_as_plain("b shut_rd; b recv 1; b shut_rd; b recv 1");
    check_as_plain("b shut_rd; a send 5; a send 5; a arrives; b recv 10; a send 5; a arrives; b recv 6");
    check_as_plain("b shut_rd; b close; a sees_fin; a recv 1; a send 1; a sees_end; a send 1");
}

TEST_CASE("ends: shutting down both directions") {
    const watchdog watched{"SHUT_RDWR"};
    check_as_plain("b shut_rdwr; a recv 1; a send 3; a sees_end; b recv 4; b send 1; a recv 1");
    check_as_plain(
        "a send 3; a arrives; b shut_rdwr; a recv 1; b recv 4; b recv 1; b send 1; b close; a recv 1; a send 1");
    check_as_plain("b close; a sees_fin; a shut_wr; a recv 1; a shut_rd; a shut_rdwr");
    check_as_plain("a send 5; a arrives; b close; a sees_end; a shut_wr; a shut_rd; a shut_rdwr; a recv 1");
}

TEST_CASE("ends: nothing is sent and nothing received") {
    check_as_plain("a send 0; b try_recv 1; a send 5; b recv 5; a send 0; a shut_wr; a send 0; b recv 1");
    check_as_plain("b close; a sees_fin; a send 0; a send 1; a sees_end; a send 0; a recv 1");
    check_as_plain("a send 5; b recv 0; b recv 5; a send 5; b try_recv 0; b recv 5");
}

TEST_CASE("ends: after one direction has ended, the other goes on by the ring") {
    const watchdog watched{"half-close by the ring"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        for (const bool has_sent : {false, true}) {
            CAPTURE(has_sent);
            net::options how;
            how.overflow = splice::overflow::never();  // However slow this machine is.
            auto pair = adopt(connect(kind), how);
            open(pair.first, pair.second);
            if (has_sent) {
                open(pair.second, pair.first);
            }
            REQUIRE(pair.second.shutdown(SHUT_WR));
            std::byte none{};
            REQUIRE(pair.first.recv({&none, 1}).value_or(1) == 0);
            keyed_sender there;
            keyed_receiver here;
            // More than a ring: the sender has to sleep, and sees the end of the other direction when it does.
            constexpr std::size_t total = std::size_t{1} << 20U;
            bool accepted = false;
            std::thread sender{[&] { accepted = there.send_all(pair.first, total); }};
            CHECK(here.receive_until(pair.second, total));
            sender.join();
            CHECK(accepted);
            CHECK(pair.first.route() == splice::route::ring);
            CHECK(pair.second.stats().received.bytes_by_ring == total);
        }
    }
}

TEST_CASE("ends: SIGPIPE comes with EPIPE, to the thread that is told so, unless it said MSG_NOSIGNAL") {
    const watchdog watched{"SIGPIPE"};
    static thread_local int signals = 0;
    const auto before = std::signal(SIGPIPE, [](int) { ++signals; });  // NOLINT: as programs do.
    for (const auto kind : connections()) {
        std::string as_plain;
        for (const auto with :
             {equipment::plain, equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            const auto outcome = with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::array<std::byte, 9> bytes{};
                const ::iovec piece{bytes.data(), bytes.size()};
                std::string all;
                const auto note = [&](const result<std::size_t>& sent) {
                    all += told(sent) + " and " + std::to_string(std::exchange(signals, 0)) + " signals; ";
                };
                note(a.send(bytes));
                note(b.recv(bytes, MSG_WAITALL));
                REQUIRE(a.shutdown(SHUT_WR));
                note(a.send(bytes));
                note(a.send(bytes, MSG_NOSIGNAL));
                note(a.send(bytes, MSG_DONTWAIT));
                note(a.sendv(std::span{&piece, 1}));
                note(a.sendv(std::span{&piece, 1}, MSG_NOSIGNAL | MSG_MORE));
                b.close();
                note(a.recv(bytes));
                note(a.send({}, 0));
                return all;
            });
            as_plain = with == equipment::plain ? outcome : as_plain;
            CHECK(outcome == as_plain);
        }
    }
    std::signal(SIGPIPE, before);
}

TEST_CASE("ends: SIGPIPE ends a program that does not handle it, as ever") {
    for (const auto with : {equipment::plain, equipment::one, equipment::unopened, equipment::ring}) {
        CAPTURE(to_string(with));
        CHECK(in_child([with] {
                  std::signal(SIGPIPE, SIG_DFL);
                  return with_ends(connection::tcp4, with, {}, [](auto& a, auto& /*b*/) {
                      (void)a.shutdown(SHUT_WR);
                      const std::byte byte{};
                      (void)a.send({&byte, 1}, MSG_NOSIGNAL);
                      (void)a.send({&byte, 1});
                      return 0;
                  });
              }) == "signal 13");
    }
}

namespace {

/// connect(2) to no address: TCP resets the connection, and is a socket without one.
template <class End>
void disconnect(End& end) {
    ::sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    REQUIRE(::connect(end.native_handle(), &nowhere, sizeof nowhere) == 0);
}

}  // namespace

TEST_CASE("ends: disconnecting the socket ends what is received at both ends, and nobody waits for ever") {
    const watchdog watched{"connect to AF_UNSPEC"};
    for (const auto kind : connections()) {
        if (!is_tcp(kind)) {
            continue;
        }
        for (const auto with :
             {equipment::plain, equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::array<std::byte, 100> bytes{};
                caller<std::string> there{[&] {
                    std::array<std::byte, 1> to{};
                    return told(b.recv(to));
                }};
                CHECK(there.sleeps());
                disconnect(a);
                CHECK(there.outcome() == "ECONNRESET");
                CHECK(told(b.recv(bytes)) == "0");
                CHECK(told(a.recv(bytes)) == "ECONNRESET");
                CHECK(told(a.recv(bytes)) == "ENOTCONN");
                // By the ring more may be accepted, until it is full: nobody looks at the socket before.
                const auto send_until_refused = [&](auto& end) {
                    std::string outcome = "accepted";
                    for (int i = 0; i != 10'000 && outcome == "accepted"; ++i) {
                        const auto sent = end.send(bytes, MSG_NOSIGNAL);
                        outcome = sent ? "accepted" : told(sent);
                    }
                    return outcome;
                };
                CHECK(send_until_refused(a) == "EPIPE");
                CHECK(send_until_refused(b) == "EPIPE");
            });
        }
    }
}
