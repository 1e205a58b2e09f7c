// A stream over whatever descriptor it is given behaves as that descriptor does, and says why it has no ring.
#include <ferrule/net/stream.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "../support/caller.hpp"
#include "../support/denied.hpp"
#include "../support/dies.hpp"
#include "../support/in_child.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

int error_of(const result<std::size_t>& r) { return r.error().value(); }
int error_of(const result<void>& r) { return r.error().value(); }

/// Every call of it fails with `error`, and none does harm.
void check_all_fail(net::stream& s, int error) {
    std::array<std::byte, 4> bytes{};
    CHECK(error_of(s.send(bytes, MSG_NOSIGNAL)) == error);
    CHECK(error_of(s.recv(bytes)) == error);
    CHECK(error_of(s.send(bytes, MSG_DONTWAIT | MSG_NOSIGNAL)) == error);
    CHECK(error_of(s.recv(bytes, MSG_DONTWAIT)) == error);
    CHECK(error_of(s.shutdown(SHUT_RDWR)) == error);
    CHECK(s.route() == splice::route::tcp);
    CHECK(s.why() == net::reason::not_connected);
    CHECK(s.stats().sent.bytes_by_ring + s.stats().sent.bytes_by_tcp == 0);
}

}  // namespace

TEST_CASE("stream: a connection that has rings is kept alive, and one that has none is left as it was") {
    for (const auto kind : {connection::tcp4, connection::tcp6}) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto first = net::stream::adopt(ends.connecting.release());
        CHECK(net::socket_option<int>(first.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 0);
        const auto second = net::stream::adopt(ends.accepted.release());
        CHECK(net::socket_option<int>(first.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(net::socket_option<int>(second.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 1);
    }
}

TEST_CASE("stream: says why it has no ring") {
    auto ends = connect(connection::tcp4);
    net::options how;
    how.pairing = net::pairing::off;
    CHECK(net::stream::adopt(::dup(ends.connecting.get()), how).why() == net::reason::switched_off);
    how = {};
    how.ring_capacity = 1000;
    CHECK(net::stream::adopt(::dup(ends.connecting.get()), how).why() == net::reason::wrong_capacity);
    how.ring_capacity = 0;
    CHECK(net::stream::adopt(::dup(ends.connecting.get()), how).why() == net::reason::wrong_capacity);
    auto first = net::stream::adopt(ends.connecting.release());
    CHECK(first.why() == net::reason::peer_not_found);
    auto second = net::stream::adopt(ends.accepted.release());
    CHECK(first.why() == net::reason::none);
    CHECK(second.why() == net::reason::none);
    CHECK(first.route() == splice::route::tcp);
}

TEST_CASE("stream: rings that cannot be had leave both ends on their sockets") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto first = net::stream::adopt(ends.connecting.release());
        net::options how;
        how.ring_capacity = std::size_t{1} << 62U;
        {
            auto second = net::stream::adopt(ends.accepted.release(), how);
            CHECK(second.why() == net::reason::no_resources);
            CHECK(first.why() == net::reason::peer_not_found);
            keyed_receiver here;
            REQUIRE(keyed_sender{}.send_all(first, 100));
            CHECK(here.receive_until(second, 100));
        }
        // And the one that failed has left no trace.
        CHECK(keyed_receiver{}.receive(first, 1).value_or(1) == 0);
        auto others = on_the_ring(connect(kind));
        CHECK(others.first.why() == net::reason::none);
    }
}

TEST_CASE("stream: without descriptors for the rings both ends stay on their sockets") {
    CHECK(in_child([] {
              auto ends = connect(connection::tcp4);
              auto first = net::stream::adopt(ends.connecting.release());
              if (!denied(SYS_eventfd2, EMFILE)) {
                  return 1;
              }
              auto second = net::stream::adopt(ends.accepted.release());
              const bool sent = keyed_sender{}.send_all(first, 100) && keyed_receiver{}.receive_until(second, 100);
              return sent && second.why() == net::reason::no_resources ? 0 : 2;
          }) == "exit 0");
}

TEST_CASE("stream: one over no descriptor fails as that does") {
    auto s = net::stream::adopt(-1);
    check_all_fail(s, EBADF);
    CHECK(s.native_handle() == -1);
    auto fresh = net::stream::adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(fresh.why() == net::reason::not_connected);
    std::byte byte{};
    CHECK(error_of(fresh.recv({&byte, 1})) == ENOTCONN);
    CHECK(error_of(fresh.send({&byte, 1}, MSG_NOSIGNAL)) == EPIPE);
    auto no_socket = net::stream::adopt(::eventfd(0, EFD_CLOEXEC));
    check_all_fail(no_socket, ENOTSOCK);
}

TEST_CASE("stream: one that was moved from, or closed, has no descriptor") {
    auto pair = on_the_ring(connect(connection::tcp4));
    net::stream taken = std::move(pair.first);
    check_all_fail(pair.first, EBADF);  // NOLINT(bugprone-use-after-move): what is tested.
    CHECK(pair.first.native_handle() == -1);
    keyed_receiver here;
    REQUIRE(keyed_sender{}.send_all(taken, 10));
    CHECK(here.receive_until(pair.second, 10));
    CHECK(taken.route() == splice::route::ring);
    taken.close();
    check_all_fail(taken, EBADF);
    taken.close();
    // What is moved onto is closed.
    auto other = adopt(connect(connection::tcp4));
    pair.second = std::move(other.first);
    CHECK(pair.second.why() == net::reason::none);
}

TEST_CASE("stream: no way of shutting down but the three") {
    auto pair = on_the_ring(connect(connection::tcp4));
    CHECK(error_of(pair.first.shutdown(17)) == EINVAL);
}

TEST_CASE("stream: over a non-blocking descriptor it does not block") {
    for (const auto kind : connections()) {
        for (const bool opened : {false, true}) {
            CAPTURE(to_string(kind));
            CAPTURE(opened);
            auto ends = connect(kind);
            for (const auto* fd : {&ends.connecting, &ends.accepted}) {
                REQUIRE(::fcntl(fd->get(), F_SETFL, O_NONBLOCK) == 0);
            }
            auto pair = opened ? on_the_ring(std::move(ends)) : adopt(std::move(ends));
            keyed_sender there;
            keyed_receiver here;
            CHECK(here.receive(pair.second, 10).would_block());
            std::size_t accepted = 1;
            while (accepted != 0) {
                accepted = there.send(pair.first, 10'000).value_or(0);
            }
            CHECK(there.position() > 10'000);
            CHECK(here.receive_until(pair.second, there.position()));
            CHECK(here.receive(pair.second, 10).would_block());
            CHECK(there.send(pair.first, 10).value_or(0) == 10);
        }
    }
}

TEST_CASE("stream: two threads in one direction stop the program") {
    for (const auto with : {equipment::one, equipment::ring}) {
        CAPTURE(to_string(with));
        CHECK_DIES("two calls overlap in one end", with_ends(connection::tcp4, with, {}, [](auto& a, auto& /*b*/) {
                       ::alarm(30);  // If it does not.
                       std::array<std::byte, 5> to{};
                       caller<std::string> sleeper{[&] { return told(a.recv(to)); }};
                       (void)sleeper.sleeps();
                       (void)a.recv(to);
                   }));
    }
}

TEST_CASE("stream: two ends that are adopted at the same time both know it") {
    const watchdog watched{"two adoptions at once"};
    std::optional<connected> ends;
    std::optional<net::stream> first;
    std::optional<net::stream> second;
    std::atomic<int> turn{0};  // Odd while both adopt.
    constexpr int rounds = 2000;
    std::thread elsewhere{[&] {
        for (int round = 0; round != rounds; ++round) {
            while (turn != 2 * round + 1) {
                std::this_thread::yield();
            }
            second = net::stream::adopt(ends->accepted.release());
            turn = 2 * round + 2;
        }
    }};
    int unaware = 0;
    for (int round = 0; round != rounds; ++round) {
        ends = connect(connection::unix_pair);
        turn = 2 * round + 1;
        first = net::stream::adopt(ends->connecting.release());
        while (turn != 2 * round + 2) {
            std::this_thread::yield();
        }
        unaware += first->why() == net::reason::none && second->why() == net::reason::none ? 0 : 1;
        first.reset();
        second.reset();
    }
    elsewhere.join();
    CHECK(unaware == 0);
}

TEST_CASE("stream: ends come and go while the other one is adopted, used and closed") {
    const watchdog watched{"adopt and close from both sides"};
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        for (int round = 0; round != 300; ++round) {
            auto ends = connect(kind);
            std::array<std::atomic<int>, 2> wrong{};
            const auto life = [&](int fd, std::size_t which) {
                auto s = net::stream::adopt(fd);
                keyed_sender there;
                keyed_receiver here;
                wrong[which] += there.send(s, 10).value_or(10) == 10 ? 0 : 1;
                if (round % 3 != 0) {
                    (void)here.receive(s, 10, round % 3 == 1 ? MSG_DONTWAIT : 0);
                }
                (void)there.send(s, 10);
                wrong[which] += here.in_order() ? 0 : 1;
            };
            const int one = ends.connecting.release();
            const int other = ends.accepted.release();
            std::thread elsewhere{[&] { life(one, 0); }};
            life(other, 1);
            elsewhere.join();
            CHECK(wrong[0] + wrong[1] == 0);
        }
    }
}
