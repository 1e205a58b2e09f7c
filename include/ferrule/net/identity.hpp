// Who is at either end of a connection: a name such that the two ends' names are each other's reverse, and nobody
// else's.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>

#include <ferrule/net/options.hpp>
#include <ferrule/net/socket_option.hpp>
#include <ferrule/net/unix_peer.hpp>

namespace ferrule::inline v0::net {

/// One end of a connection. For TCP an address, IPv4 as the IPv6 address it is mapped to, so that a pair of one socket
/// of each family still matches; for AF_UNIX the socket's inode.
struct end_name {
    std::array<std::uint8_t, 16> address{};
    std::uint32_t scope = 0;
    std::uint16_t port = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy takes the 0 of a comparison's outcome for a pointer.
    friend constexpr auto operator<=>(const end_name&, const end_name&) noexcept = default;
};

/// A connection as one of its ends sees it.
struct connection_name {
    std::uint64_t space = 0;  ///< The network namespace, in which tuples are unique; 0 for AF_UNIX.
    end_name here;
    end_name there;

    [[nodiscard]] connection_name reversed() const noexcept { return {space, there, here}; }
    // NOLINTNEXTLINE(modernize-use-nullptr): as above.
    friend constexpr auto operator<=>(const connection_name&, const connection_name&) noexcept = default;
};

namespace detail {

[[nodiscard]] inline std::optional<end_name> name_of(const ::sockaddr_storage& address) noexcept {
    end_name name;
    if (address.ss_family == AF_INET) {
        ::sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        name.address[10] = name.address[11] = 0xff;
        std::memcpy(name.address.data() + 12, &v4.sin_addr, 4);
        name.port = ntohs(v4.sin_port);
        return name;
    }
    if (address.ss_family == AF_INET6) {
        ::sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(name.address.data(), &v6.sin6_addr, 16);
        name.scope = v6.sin6_scope_id;
        name.port = ntohs(v6.sin6_port);
        return name;
    }
    return std::nullopt;
}

[[nodiscard]] inline end_name name_of_inode(std::uint64_t inode) noexcept {
    end_name name;
    std::memcpy(name.address.data(), &inode, sizeof inode);
    return name;
}

/// A tuple names one connection only while the connection stands: afterwards it may be used again.
[[nodiscard]] inline bool is_established(int fd) noexcept {
    const auto info = socket_option<::tcp_info>(fd, IPPROTO_TCP, TCP_INFO);
    return info && info->tcpi_state == TCP_ESTABLISHED;
}

/// True if an end was shut down, by whichever side: what was said before there were rings, nobody says again.
[[nodiscard]] inline bool has_begun_to_end(int fd) noexcept {
    ::pollfd entry{fd, POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) > 0;
}

}  // namespace detail

/// A name, or the reason why there is none.
struct identity {
    connection_name name;
    reason refused = reason::none;
};

/// Names the connection of `fd`. Makes a handful of system calls.
[[nodiscard]] inline identity identify(int fd) noexcept {
    ::sockaddr_storage here{};
    ::sockaddr_storage there{};
    ::socklen_t size = sizeof here;
    const auto type = socket_option<int>(fd, SOL_SOCKET, SO_TYPE);
    if (!type || *type != SOCK_STREAM || ::getsockname(fd, reinterpret_cast<::sockaddr*>(&here), &size) != 0) {
        return {{}, reason::not_connected};
    }
    size = sizeof there;
    if (::getpeername(fd, reinterpret_cast<::sockaddr*>(&there), &size) != 0 || detail::has_begun_to_end(fd)) {
        return {{}, reason::not_connected};
    }
    if (here.ss_family == AF_UNIX) {
        struct ::stat status {};
        const auto peer = ::fstat(fd, &status) == 0 ? peer_inode(status.st_ino) : std::nullopt;
        if (!peer) {
            return {{}, reason::no_identity};
        }
        return {{0, detail::name_of_inode(status.st_ino), detail::name_of_inode(*peer)}};
    }
    const auto local = detail::name_of(here);
    const auto remote = detail::name_of(there);
    const auto protocol = socket_option<int>(fd, SOL_SOCKET, SO_PROTOCOL);
    if (!local || !remote || protocol != IPPROTO_TCP) {
        return {{}, reason::not_supported};
    }
    const auto space = socket_option<std::uint64_t>(fd, SOL_SOCKET, SO_NETNS_COOKIE);
    if (!space) {
        return {{}, reason::no_identity};
    }
    if (!detail::is_established(fd)) {
        return {{}, reason::not_connected};
    }
    if (*local == *remote) {
        return {{}, reason::self_connected};
    }
    return {{*space, *local, *remote}};
}

/// True if `fd` still is the end it was named for.
[[nodiscard]] inline bool still_connected(int fd, const connection_name& name) noexcept {
    return (name.space == 0 || detail::is_established(fd)) && !detail::has_begun_to_end(fd);
}

}  // namespace ferrule::inline v0::net
