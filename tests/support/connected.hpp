// Connected pairs of stream sockets, of every kind that a stream can take over.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/fd.hpp>

namespace ferrule::test {

enum class connection : unsigned char {
    tcp4,
    tcp6,
    tcp_mapped,  ///< An IPv6 socket at one end, an IPv4 one at the other.
    unix_pair,   ///< socketpair(2)
    unix_named,
};

[[nodiscard]] inline std::string to_string(connection kind) {
    constexpr std::array names{"tcp4", "tcp6", "tcp_mapped", "unix_pair", "unix_named"};
    return names[static_cast<std::size_t>(kind)];
}
[[nodiscard]] constexpr bool is_tcp(connection kind) noexcept { return kind < connection::unix_pair; }

/// `connecting` called connect(), `accepted` came from accept(); of a socketpair it is all the same.
struct connected {
    unique_fd connecting;
    unique_fd accepted;
};

/// An address of the loopback, with port 0, or of AF_UNIX without a name.
class socket_address {
public:
    [[nodiscard]] static socket_address loopback(int family) noexcept {
        socket_address a;
        if (family == AF_INET) {
            ::sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            a.set(v4);
        } else if (family == AF_INET6) {
            ::sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_addr = in6addr_loopback;
            a.set(v6);
        } else {
            // Binding to no name at all gets an abstract one, chosen by the kernel.
            const ::sa_family_t unnamed = AF_UNIX;
            a.set(unnamed);
        }
        return a;
    }
    [[nodiscard]] static socket_address of(int fd) noexcept {
        socket_address a;
        a.size_ = sizeof a.storage_;
        (void)::getsockname(fd, a.get(), &a.size_);
        return a;
    }
    /// The same IPv4 address, as IPv6 sockets write it.
    [[nodiscard]] socket_address mapped() const noexcept {
        ::sockaddr_in v4{};
        std::memcpy(&v4, &storage_, sizeof v4);
        ::sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = v4.sin_port;
        v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
        std::memcpy(v6.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
        socket_address a;
        a.set(v6);
        return a;
    }

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] ::sockaddr* get() noexcept { return reinterpret_cast<::sockaddr*>(&storage_); }
    [[nodiscard]] ::socklen_t size() const noexcept { return size_; }

private:
    template <class Address>
    void set(const Address& address) noexcept {
        std::memcpy(&storage_, &address, size_ = sizeof address);
    }
    ::sockaddr_storage storage_{};
    ::socklen_t size_ = 0;
};

inline void set_option(int fd, int level, int option, int value) {
    REQUIRE(::setsockopt(fd, level, option, &value, sizeof value) == 0);
}

[[nodiscard]] inline unique_fd listening(int family) {
    unique_fd listener{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address = socket_address::loopback(family);
    if (!listener || ::bind(listener.get(), address.get(), address.size()) != 0 || ::listen(listener.get(), 8) != 0) {
        return {};
    }
    return listener;
}

/// A connection to `listener`, made by a new socket of `family`. What is sent leaves at once: no test is about Nagle.
[[nodiscard]] inline connected connect_to(int listener, int family) {
    auto address = socket_address::of(listener);
    if (family != address.family()) {
        address = address.mapped();
    }
    connected pair;
    pair.connecting = unique_fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(pair.connecting);
    REQUIRE(::connect(pair.connecting.get(), address.get(), address.size()) == 0);
    pair.accepted = unique_fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(pair.accepted);
    if (family != AF_UNIX) {
        set_option(pair.connecting.get(), IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(pair.accepted.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    }
    return pair;
}

[[nodiscard]] inline connected connect(connection kind) {
    if (kind == connection::unix_pair) {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        return {unique_fd{ends[0]}, unique_fd{ends[1]}};
    }
    const int family = kind == connection::unix_named ? AF_UNIX : kind == connection::tcp6 ? AF_INET6 : AF_INET;
    const auto listener = listening(family);
    REQUIRE(listener);
    return connect_to(listener.get(), kind == connection::tcp_mapped ? AF_INET6 : family);
}

/// The kinds this machine has: all but those of IPv6 where there is no IPv6.
[[nodiscard]] inline const std::vector<connection>& connections() {
    static const std::vector<connection> all = [] {
        std::vector<connection> kinds{connection::tcp4, connection::unix_pair, connection::unix_named};
        if (listening(AF_INET6)) {
            kinds.insert(kinds.begin() + 1, {connection::tcp6, connection::tcp_mapped});
        } else {
            MESSAGE("no IPv6 here");
        }
        return kinds;
    }();
    return all;
}

}  // namespace ferrule::test
