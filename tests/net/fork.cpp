// What a forked child may do with its parent's streams: use what is a plain socket still, and nothing that has rings.
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include <ferrule/net/shared_joint.hpp>

#include "../support/other_process.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::array<std::byte, 100> bytes{};

/// True if every call of `s` is refused, and so is its end.
bool is_refused(net::stream& s) {
    std::array<std::byte, 1> room{};
    return s.send(bytes, MSG_DONTWAIT).error().value() == ESTALE &&
           s.recv(room, MSG_DONTWAIT).error().value() == ESTALE && s.shutdown(SHUT_WR).error().value() == ESTALE;
}

/// A conversation, which its ends are still able to have.
bool talk(net::stream& a, net::stream& b) {
    keyed_sender out;
    keyed_receiver in;
    return out.send_all(a, 100'000) && in.receive_until(b, 100'000) && a.shutdown(SHUT_WR) &&
           in.receive(b, 1).value_or(1) == 0;
}

}  // namespace

TEST_CASE("fork: a stream that has rings is the parent's alone") {
    const watchdog watched{"a parent and its child"};
    for (const bool of_one_process : {true, false}) {
        CAPTURE(of_one_process);
        net::options how;
        how.ring_capacity = 1U << 18U;
        how.pairing = of_one_process ? net::pairing::automatic : net::pairing::off;
        auto both = adopt(connect(connection::tcp4), how);
        if (!of_one_process) {
            auto made = net::shared_joint::make(how.ring_capacity);
            REQUIRE(made);
            REQUIRE(both.first.join(std::move(made->here)));
            auto there = net::shared_joint::attach(std::move(made->there));
            REQUIRE(there);
            REQUIRE(both.second.join(std::move(*there)));
        }
        open(both.first, both.second);
        REQUIRE(both.first.send(bytes));
        other_process child{[&](int /*socket*/) {
            const bool refused = is_refused(both.first) && is_refused(both.second);
            both.first.close();
            both.second.close();  // With something unread: no RST, no FIN.
            return refused && both.first.send(bytes).error().value() == EBADF ? 0 : 1;
        }};
        CHECK(child.outcome() == "exit 0");
        std::array<std::byte, 100> room{};
        CHECK(both.second.recv(room).value_or(0) == 100);
        CHECK(talk(both.first, both.second));
    }
}

TEST_CASE("fork: one that has none is a socket in the child as well") {
    const watchdog watched{"a child's socket"};
    auto ends = connect(connection::tcp4);
    auto s = net::stream::adopt(ends.accepted.release());
    other_process child{[&](int /*socket*/) {
        std::array<std::byte, 100> room{};
        // The other end, adopted here, must not meet the copy of what is the parent's.
        auto other_end = net::stream::adopt(ends.connecting.get());
        const bool alone = other_end.why() == net::reason::peer_not_found;
        const bool carried = s.send(bytes).value_or(0) == 100 && other_end.recv(room).value_or(0) == 100 &&
                             other_end.send(bytes).value_or(0) == 100 && s.recv(room).value_or(0) == 100;
        (void)ends.connecting.release();
        return alone && carried && s.route() == splice::route::tcp ? 0 : 1;
    }};
    CHECK(child.outcome() == "exit 0");
    auto other_end = net::stream::adopt(ends.connecting.release());
    CHECK(other_end.why() == net::reason::none);
    CHECK(talk(other_end, s));
}

TEST_CASE("fork: two that a child adopts find each other there") {
    const watchdog watched{"a child's streams"};
    auto parents = adopt(connect(connection::tcp4));
    other_process child{[](int /*socket*/) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
            return 1;
        }
        auto a = net::stream::adopt(fds[0]);
        auto b = net::stream::adopt(fds[1]);
        return a.why() == net::reason::none && b.why() == net::reason::none && talk(a, b) ? 0 : 2;
    }};
    CHECK(child.outcome() == "exit 0");
    CHECK(talk(parents.first, parents.second));
}
