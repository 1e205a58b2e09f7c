// Both ends of a connection get names that are each other's reverse, and nobody else's.
#include <ferrule/net/identity.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <set>
#include <utility>
#include <vector>

#include "../support/streams.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// A connection to `listener` from `from`, where another may have been before.
connected connect_again(int listener, socket_address from) {
    connected pair;
    pair.connecting = unique_fd{::socket(from.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
    set_option(pair.connecting.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    REQUIRE(::bind(pair.connecting.get(), from.get(), from.size()) == 0);
    auto to = socket_address::of(listener);
    REQUIRE(::connect(pair.connecting.get(), to.get(), to.size()) == 0);
    pair.accepted = unique_fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(pair.accepted);
    return pair;
}

void reset(int fd) {
    const ::linger at_once{1, 0};
    REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
}

net::reason why_not(int fd) { return net::identify(fd).refused; }

/// Bytes go both ways, by the ring.
void check_that_they_met(net::stream& a, net::stream& b) {
    CHECK(a.why() == net::reason::none);
    CHECK(b.why() == net::reason::none);
    open(a, b);
    open(b, a);
    keyed_receiver here;
    REQUIRE(keyed_sender{}.send_all(a, 100));
    CHECK(here.receive_until(b, 100));
    CHECK(b.stats().received.bytes_by_ring == 100);
}

}  // namespace

TEST_CASE("identity: the names of the two ends are each other's reverse") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const auto pair = connect(kind);
        const auto one = net::identify(pair.connecting.get());
        const auto other = net::identify(pair.accepted.get());
        CHECK(one.refused == net::reason::none);
        CHECK(other.refused == net::reason::none);
        CHECK(one.name.reversed() == other.name);
        CHECK(one.name != other.name);
        CHECK(other.name.reversed() == one.name);
        CHECK(net::still_connected(pair.connecting.get(), one.name));
    }
}

TEST_CASE("identity: no two ends have one name") {
    std::set<net::connection_name> names;
    std::vector<connected> all;
    for (int i = 0; i != 50; ++i) {
        for (const auto kind : connections()) {
            all.push_back(connect(kind));
            names.insert(net::identify(all.back().connecting.get()).name);
            names.insert(net::identify(all.back().accepted.get()).name);
        }
    }
    CHECK(names.size() == 2 * all.size());
}

TEST_CASE("identity: IPv4 is one, however a socket writes it") {
    const auto listener = listening(AF_INET);
    auto four = connect_to(listener.get(), AF_INET);
    REQUIRE(net::identify(four.connecting.get()).refused == net::reason::none);
    CHECK(net::identify(four.connecting.get()).name.space != 0);
    if (!listening(AF_INET6)) {
        return;
    }
    const auto mapped = connect_to(listener.get(), AF_INET6);
    const auto name = net::identify(mapped.connecting.get()).name;
    CHECK(name.there == net::identify(four.connecting.get()).name.there);
    CHECK(name.here.address == net::identify(four.connecting.get()).name.here.address);
    CHECK(name.here.port != net::identify(four.connecting.get()).name.here.port);
}

TEST_CASE("identity: what is no connected stream socket has none") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const unique_fd datagrams{ends[0]};
    const unique_fd other_end{ends[1]};
    CHECK(why_not(datagrams.get()) == net::reason::not_connected);
    for (const int family : {AF_INET, AF_UNIX}) {
        const unique_fd fresh{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        CHECK(why_not(fresh.get()) == net::reason::not_connected);
        const auto listener = listening(family);
        CHECK(why_not(listener.get()) == net::reason::not_connected);
    }
    const unique_fd udp{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const auto listener = listening(AF_INET);
    auto to = socket_address::of(listener.get());
    REQUIRE(::connect(udp.get(), to.get(), to.size()) == 0);
    CHECK(why_not(udp.get()) == net::reason::not_connected);
    const unique_fd no_socket{::eventfd(0, EFD_CLOEXEC)};
    CHECK(why_not(no_socket.get()) == net::reason::not_connected);
    CHECK(why_not(-1) == net::reason::not_connected);
}

TEST_CASE("identity: a connection that has begun to end has none") {
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        auto pair = connect(kind);
        const auto name = net::identify(pair.connecting.get()).name;
        pair.accepted.reset();
        CHECK(why_not(pair.connecting.get()) != net::reason::none);
        CHECK(!net::still_connected(pair.connecting.get(), name));
    }
    // One direction is enough: what was to be said about its end would have been said before there was a ring.
    for (const auto kind : connections()) {
        for (const int how : {SHUT_RD, SHUT_WR}) {
            CAPTURE(to_string(kind));
            CAPTURE(how);
            auto pair = connect(kind);
            auto first = net::stream::adopt(pair.connecting.release());
            REQUIRE(first.shutdown(how));
            auto second = net::stream::adopt(pair.accepted.release());
            CHECK(first.why() != net::reason::none);
            CHECK(second.why() != net::reason::none);
        }
    }
}

TEST_CASE("identity: a socket connected to itself has none, and works") {
    const unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address = socket_address::loopback(AF_INET);
    REQUIRE(::bind(fd.get(), address.get(), address.size()) == 0);
    address = socket_address::of(fd.get());
    REQUIRE(::connect(fd.get(), address.get(), address.size()) == 0);
    CHECK(why_not(fd.get()) == net::reason::self_connected);
    auto itself = net::stream::adopt(::dup(fd.get()));
    CHECK(itself.why() == net::reason::self_connected);
    CHECK(keyed_sender{}.send_all(itself, 50));
    CHECK(keyed_receiver{}.receive_until(itself, 50));
}

TEST_CASE("identity: multipath TCP has none, and works") {
    constexpr int multipath = 262;
    const unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, multipath)};
    if (!listener) {
        MESSAGE("no MPTCP here");
        return;
    }
    auto address = socket_address::loopback(AF_INET);
    REQUIRE(::bind(listener.get(), address.get(), address.size()) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    address = socket_address::of(listener.get());
    connected pair;
    pair.connecting = unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, multipath)};
    REQUIRE(::connect(pair.connecting.get(), address.get(), address.size()) == 0);
    pair.accepted = unique_fd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(pair.accepted);
    CHECK(why_not(pair.connecting.get()) == net::reason::not_supported);
    auto both = adopt(std::move(pair));
    CHECK(both.first.why() == net::reason::not_supported);
    CHECK(keyed_sender{}.send_all(both.first, 50));
    CHECK(keyed_receiver{}.receive_until(both.second, 50));
}

TEST_CASE("identity: another holder of the same end is refused, and disturbs nobody") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto first = net::stream::adopt(ends.connecting.release());
        auto sibling = net::stream::adopt(::dup(first.native_handle()));
        CHECK(sibling.why() == net::reason::sibling);
        auto second = net::stream::adopt(ends.accepted.release());
        auto late = net::stream::adopt(::dup(second.native_handle()));
        CHECK(late.why() == net::reason::sibling);
        CHECK(sibling.route() == splice::route::tcp);
        check_that_they_met(first, second);
    }
}

TEST_CASE("identity: a holder that is left over when its sibling closed meets nobody") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        unique_fd left_over{::dup(ends.connecting.get())};
        auto pair = on_the_ring(std::move(ends));
        pair.first.close();
        auto late = net::stream::adopt(left_over.release());
        CHECK(late.why() == net::reason::sibling);
        // It still is a socket: what it says arrives.
        keyed_receiver here;
        REQUIRE(keyed_sender{}.send_all(late, 20));
        CHECK(here.receive_until(pair.second, 20));
    }
}

TEST_CASE("identity: a tuple that is used again is a new connection, whoever holds the old one") {
    for (const int family : {AF_INET, AF_INET6}) {
        const auto listener = listening(family);
        if (!listener) {
            continue;
        }
        for (const bool stale_one_connected : {false, true}) {
            for (const bool connecting_first : {false, true}) {
                CAPTURE(family);
                CAPTURE(stale_one_connected);
                CAPTURE(connecting_first);
                auto ends = connect_again(listener.get(), socket_address::loopback(family));
                const auto from = socket_address::of(ends.connecting.get());
                const auto name = net::identify(ends.connecting.get()).name;
                auto old = on_the_ring(std::move(ends));
                // One of them goes away without a word; the other does not know yet.
                auto& stale = stale_one_connected ? old.first : old.second;
                auto& leaver = stale_one_connected ? old.second : old.first;
                reset(leaver.native_handle());
                leaver.close();
                ends = connect_again(listener.get(), from);
                REQUIRE(net::identify(ends.connecting.get()).name == name);
                auto one = net::stream::adopt((connecting_first ? ends.connecting : ends.accepted).release());
                CHECK(one.why() == net::reason::peer_not_found);
                auto other = net::stream::adopt((connecting_first ? ends.accepted : ends.connecting).release());
                check_that_they_met(one, other);
                std::byte byte{};
                CHECK(stale.recv({&byte, 1}).error().value() == ECONNRESET);
                stale.close();  // It takes nobody's name along.
                CHECK(one.send({&byte, 1}));
                CHECK(other.recv({&byte, 1}).value_or(0) == 1);
            }
        }
    }
}
