// Makes connections by the ten thousand: listens once for each kind, with buffers that are soon full.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <utility>

#include <doctest/doctest.h>

#include "../connected.hpp"

namespace ferrule::test {

class dialer {
public:
    [[nodiscard]] connected connect(connection kind) {
        if (kind == connection::unix_pair) {
            auto pair = test::connect(kind);
            set_buffers(pair.connecting.get(), is_tcp(kind));
            set_buffers(pair.accepted.get(), is_tcp(kind));
            return pair;
        }
        const int family = kind == connection::unix_named ? AF_UNIX : kind == connection::tcp6 ? AF_INET6 : AF_INET;
        auto& listener = listeners_[static_cast<std::size_t>(kind)];
        if (!listener) {
            listener = listening(family);
            REQUIRE(listener);
        }
        auto pair = connect_to(listener.get(), kind == connection::tcp_mapped ? AF_INET6 : family);
        set_buffers(pair.connecting.get(), is_tcp(kind));
        set_buffers(pair.accepted.get(), is_tcp(kind));
        return pair;
    }

private:
    static void set_buffers(int fd, bool tcp) { set_option(fd, SOL_SOCKET, SO_SNDBUF, (tcp ? 16 : 64) << 10); }

    std::array<unique_fd, 5> listeners_;
};

}  // namespace ferrule::test
