#include <ferrule/net/hand_over.hpp>
// The header under test comes first: it must stand alone.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/connected.hpp"
#include "../support/held.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

connected sockets(int type) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

/// One message of `text` bytes with `copies` descriptors, as a peer may send that does not use this library.
bool send_many(int socket, int fd, std::size_t copies, std::size_t text = 1) {
    std::array<char, 16> bytes{};
    ::iovec io{bytes.data(), text};
    std::vector<std::byte> room(CMSG_SPACE(copies * sizeof(int)));
    ::msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    if (copies != 0) {
        message.msg_control = room.data();
        message.msg_controllen = room.size();
        ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(copies * sizeof(int));
        for (std::size_t i = 0; i != copies; ++i) {
            std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
        }
    }
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<::ssize_t>(text);
}

int error_of(const result<unique_fd>& received) { return received.error().value(); }

}  // namespace

TEST_CASE("hand_over: a descriptor arrives as another one of the same thing, close-on-exec") {
    for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
        CAPTURE(type);
        const auto pair = sockets(type);
        const unique_fd event{::eventfd(7, 0)};
        const held before = holds();
        REQUIRE(net::send_descriptor(pair.connecting.get(), event.get()));
        auto received = net::receive_descriptor(pair.accepted.get());
        REQUIRE(received);
        CHECK((::fcntl(received->get(), F_GETFD) & FD_CLOEXEC) != 0);
        ::eventfd_t value = 0;
        CHECK(::eventfd_read(received->get(), &value) == 0);
        CHECK(value == 7);
        received->reset();
        CHECK(holds() == before);
    }
}

TEST_CASE("hand_over: several are received one by one, in the order they were sent") {
    const auto pair = sockets(SOCK_STREAM);
    for (unsigned i = 1; i != 9; ++i) {
        const unique_fd event{::eventfd(i, 0)};
        REQUIRE(net::send_descriptor(pair.connecting.get(), event.get()));
    }
    for (unsigned i = 1; i != 9; ++i) {
        const auto received = net::receive_descriptor(pair.accepted.get());
        REQUIRE(received);
        ::eventfd_t value = 0;
        CHECK(::eventfd_read(received->get(), &value) == 0);
        CHECK(value == i);
    }
}

TEST_CASE("hand_over: more descriptors than one, up to all a message can carry, are a bad message and all closed") {
    const auto pair = sockets(SOCK_STREAM);
    const unique_fd event{::eventfd(0, 0)};
    const held before = holds();
    for (std::size_t copies = 2; copies <= 253; ++copies) {
        CAPTURE(copies);
        REQUIRE(send_many(pair.connecting.get(), event.get(), copies));
        CHECK(error_of(net::receive_descriptor(pair.accepted.get())) == EBADMSG);
    }
    CHECK(holds() == before);
    CHECK(!send_many(pair.connecting.get(), event.get(), 254));
}

TEST_CASE("hand_over: a message without a descriptor, or cut short, is a bad one") {
    const unique_fd event{::eventfd(0, 0)};
    const auto stream = sockets(SOCK_STREAM);
    const auto packets = sockets(SOCK_SEQPACKET);
    const held before = holds();
    REQUIRE(send_many(stream.connecting.get(), event.get(), 0));
    CHECK(error_of(net::receive_descriptor(stream.accepted.get())) == EBADMSG);
    REQUIRE(send_many(packets.connecting.get(), event.get(), 1, 5));
    CHECK(error_of(net::receive_descriptor(packets.accepted.get())) == EBADMSG);
    CHECK(holds() == before);
}

TEST_CASE("hand_over: an empty message with a descriptor is the end, and the descriptor is closed") {
    const unique_fd event{::eventfd(0, 0)};
    const auto packets = sockets(SOCK_SEQPACKET);
    const held before = holds();
    REQUIRE(send_many(packets.connecting.get(), event.get(), 1, 0));
    CHECK(error_of(net::receive_descriptor(packets.accepted.get())) == ECONNRESET);
    CHECK(holds() == before);
}

TEST_CASE("hand_over: what else the receiver asked the kernel to tell is no descriptor that was sent") {
    const unique_fd event{::eventfd(0, 0)};
    constexpr int pass_pidfd = 76;  // SO_PASSPIDFD
    for (const int told : {SO_PASSCRED, pass_pidfd}) {
        CAPTURE(told);
        const auto pair = sockets(SOCK_STREAM);
        const int on = 1;
        if (::setsockopt(pair.accepted.get(), SOL_SOCKET, told, &on, sizeof on) != 0) {
            continue;
        }
        const held before = holds();
        for (const std::size_t copies : {0U, 1U, 2U}) {
            CAPTURE(copies);
            REQUIRE(send_many(pair.connecting.get(), event.get(), copies));
            CHECK(error_of(net::receive_descriptor(pair.accepted.get())) == EBADMSG);
        }
        CHECK(holds() == before);
    }
}

TEST_CASE("hand_over: a peer that is gone is an error on both sides, and no signal") {
    const unique_fd event{::eventfd(0, 0)};
    for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
        auto pair = sockets(type);
        pair.connecting.reset();
        CHECK(error_of(net::receive_descriptor(pair.accepted.get())) == ECONNRESET);
        CHECK(net::send_descriptor(pair.accepted.get(), event.get()).error().value() == EPIPE);
    }
}

TEST_CASE("hand_over: what was on its way when nobody received it is not lost to us") {
    const held before = holds();
    {
        const unique_fd event{::eventfd(0, 0)};
        const auto pair = sockets(SOCK_STREAM);
        for (int i = 0; i != 100; ++i) {
            REQUIRE(net::send_descriptor(pair.connecting.get(), event.get()));
        }
    }
    CHECK(holds() == before);
}

TEST_CASE("hand_over: nothing to send, nothing to send it over, or no socket that can carry it") {
    const unique_fd event{::eventfd(0, 0)};
    const auto pair = sockets(SOCK_STREAM);
    CHECK(net::send_descriptor(pair.connecting.get(), -1).error().value() == EBADF);
    CHECK(net::send_descriptor(-1, event.get()).error().value() == EBADF);
    CHECK(net::send_descriptor(event.get(), event.get()).error().value() == ENOTSOCK);
    CHECK(error_of(net::receive_descriptor(-1)) == EBADF);
    CHECK(error_of(net::receive_descriptor(event.get())) == ENOTSOCK);
    // TCP would send the byte, drop the descriptor and report success.
    const auto tcp = connect(connection::tcp4);
    CHECK(net::send_descriptor(tcp.connecting.get(), event.get()).error().value() == EAFNOSUPPORT);
    REQUIRE(::send(tcp.connecting.get(), "x", 1, 0) == 1);
    CHECK(error_of(net::receive_descriptor(tcp.accepted.get())) == EBADMSG);
}

TEST_CASE("hand_over: a socket that does not block says so") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const connected pair{unique_fd{ends[0]}, unique_fd{ends[1]}};
    CHECK(net::receive_descriptor(pair.accepted.get()).would_block());
}
