// The paths bytes take today: TCP over loopback, with and without Nagle's algorithm, and AF_UNIX.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "../../support/give_up.hpp"

namespace ferrule::bench {

/// One end of a connected stream socket, used with blocking calls, as plain programs do.
class socket_end {
public:
    explicit socket_end(int fd) noexcept : fd_{fd} {}
    socket_end(socket_end&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    socket_end& operator=(socket_end&&) = delete;
    ~socket_end() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    /// Sends all of `bytes`.
    void send(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ::ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno != EINTR) {
                give_up("send");
            }
            bytes = bytes.subspan(n < 0 ? 0 : static_cast<std::size_t>(n));
        }
    }

    /// Waits for something, and returns how much of it there was; 0 at the end of the stream.
    [[nodiscard]] std::size_t receive(std::span<std::byte> to) {
        for (;;) {
            const ::ssize_t n = ::recv(fd_, to.data(), to.size(), 0);
            if (n >= 0) {
                return static_cast<std::size_t>(n);
            }
            if (errno != EINTR) {
                give_up("recv");
            }
        }
    }

    void finish_sending() { ::shutdown(fd_, SHUT_WR); }

    /// Whoever asks has to close it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

/// Both ends of a new connection, each of which one of two processes opens and the other drops.
struct connected_sockets {
    socket_end near;
    socket_end far;
};

/// What is done to a socket before it is used: nothing.
struct plain {
    [[nodiscard]] static socket_end open(socket_end end) noexcept { return end; }
};

enum class nagle { on, off };

template <nagle Nagle>
struct tcp : plain {
    static constexpr const char* name = Nagle == nagle::on ? "TCP" : "TCP_NODELAY";

    /// A real connection over 127.0.0.1.
    [[nodiscard]] static connected_sockets connect() {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<::sockaddr*>(&address);
        if (listener < 0 || ::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0 ||
            ::getsockname(listener, generic, &size) != 0) {
            give_up("listen");
        }
        const int near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (near < 0 || ::connect(near, generic, size) != 0) {
            give_up("connect");
        }
        const int far = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (far < 0) {
            give_up("accept");
        }
        ::close(listener);
        const int no_delay = Nagle == nagle::off ? 1 : 0;
        for (const int fd : {near, far}) {
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
        }
        return {socket_end{near}, socket_end{far}};
    }
};

struct af_unix : plain {
    static constexpr const char* name = "AF_UNIX";

    [[nodiscard]] static connected_sockets connect() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
            give_up("socketpair");
        }
        return {socket_end{fds[0]}, socket_end{fds[1]}};
    }
};

}  // namespace ferrule::bench
