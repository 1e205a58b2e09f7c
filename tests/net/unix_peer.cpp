// The kernel tells which AF_UNIX socket is at the other end; without that, streams stay on their sockets.
#include <ferrule/net/unix_peer.hpp>

#include <sys/stat.h>
#include <sys/syscall.h>

#include "../support/denied.hpp"
#include "../support/in_child.hpp"
#include "../support/streams.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

std::uint64_t inode(int fd) {
    struct ::stat status {};
    REQUIRE(::fstat(fd, &status) == 0);
    return status.st_ino;
}

}  // namespace

TEST_CASE("unix_peer: each end's peer is the other") {
    for (const auto kind : {connection::unix_pair, connection::unix_named}) {
        CAPTURE(to_string(kind));
        const auto pair = connect(kind);
        CHECK(net::peer_inode(inode(pair.connecting.get())) == inode(pair.accepted.get()));
        CHECK(net::peer_inode(inode(pair.accepted.get())) == inode(pair.connecting.get()));
    }
}

TEST_CASE("unix_peer: a socket without a peer has none, and what is no socket") {
    const unique_fd alone{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(net::peer_inode(inode(alone.get())) == std::nullopt);
    const auto listener = listening(AF_UNIX);
    CHECK(net::peer_inode(inode(listener.get())) == std::nullopt);
    auto pair = connect(connection::unix_pair);
    pair.accepted.reset();
    CHECK(net::peer_inode(inode(pair.connecting.get())) == std::nullopt);
    CHECK(net::peer_inode(0xffff'fff0U) == std::nullopt);
}

TEST_CASE("unix_peer: where the kernel may not be asked, streams stay on their sockets and say why") {
    // Which call is denied, and which bits of which argument tell that it is about netlink: a family, and two sizes.
    struct denial {
        unsigned call;
        unsigned argument;
        unsigned bits;
    };
    static_assert((AF_NETLINK & (AF_UNIX | AF_INET | AF_INET6)) == 0);
    for (const denial no :
         {denial{SYS_socket, 0, AF_NETLINK}, denial{SYS_sendto, 2, 0x20}, denial{SYS_recvfrom, 2, 0x400}}) {
        for (const auto kind : {connection::unix_pair, connection::unix_named}) {
            CAPTURE(to_string(kind));
            CAPTURE(no.call);
            CHECK(in_child([&] {
                      auto ends = connect(kind);
                      if (!denied(no.call, EACCES, no.argument, no.bits)) {
                          return 1;
                      }
                      auto pair = adopt(std::move(ends));
                      const bool plain =
                          pair.first.why() == net::reason::no_identity && pair.second.why() == net::reason::no_identity;
                      const bool works = keyed_sender{}.send_all(pair.first, 16) &&
                                         keyed_receiver{}.receive_until(pair.second, 16) &&
                                         pair.first.route() == splice::route::tcp;
                      return (plain ? 0 : 2) + (works ? 0 : 4);
                  }) == "exit 0");
        }
    }
}
