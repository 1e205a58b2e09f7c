// The transport of a splice over a real connected stream socket. Every call is one system call.
#pragma once

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/rest_until.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/net/socket_option.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::net {

class socket {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit socket(unique_fd fd) noexcept
        : fd_{std::move(fd)}, is_like_tcp_{socket_option<int>(fd_.get(), SOL_SOCKET, SO_DOMAIN) != AF_UNIX} {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The descriptor is the caller's from now on.
    [[nodiscard]] unique_fd release() noexcept { return std::move(fd_); }
    /// AF_UNIX has no RST to close with, and tells a sender that the other end has shut down reading.
    [[nodiscard]] bool is_like_tcp() const noexcept { return is_like_tcp_; }

    /// Never raises SIGPIPE: a library has no business ending its program.
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, blocking may_block) const noexcept {
        return count(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flag(may_block)));
    }
    [[nodiscard]] result<std::size_t> receive(std::span<std::byte> to, blocking may_block) const noexcept {
        return count(::recv(fd_.get(), to.data(), to.size(), flag(may_block)));
    }

    [[nodiscard]] bool readable() const noexcept {
        ::pollfd entry{fd_.get(), POLLIN | POLLRDHUP, 0};
        return ::poll(&entry, 1, 0) > 0;
    }

    [[nodiscard]] result<std::size_t> unacknowledged() const noexcept {
        int bytes = 0;
        if (::ioctl(fd_.get(), SIOCOUTQ, &bytes) != 0) {
            return failed{errno};
        }
        return static_cast<std::size_t>(bytes);
    }

    void acknowledge_at_once() const noexcept {
        const int on = 1;
        // Of no use on a socket that is not TCP, and harmless.
        (void)::setsockopt(fd_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    }

    /// While the bytes go elsewhere, whoever keeps account of idle connections on the way shall not forget this one.
    void keep_alive() const noexcept {
        const int on = 1;
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }

    [[nodiscard]] transport_events park(int doorbell, transport_events watched, time_point deadline) const noexcept {
        ::pollfd entries[2] = {{doorbell, POLLIN, 0}, {fd_.get(), events(watched), 0}};
        if (::ppoll(entries, 2, ferrule::detail::rest_until{deadline}.get(), nullptr) <= 0) {
            return {};
        }
        return seen(entries[1]);
    }

    [[nodiscard]] transport_events look(transport_events watched) const noexcept {
        ::pollfd entry{fd_.get(), events(watched), 0};
        return ::poll(&entry, 1, 0) > 0 ? seen(entry) : transport_events{};
    }

    [[nodiscard]] result<void> finish_sending() const noexcept { return outcome(::shutdown(fd_.get(), SHUT_WR)); }
    [[nodiscard]] result<void> stop_receiving() const noexcept { return outcome(::shutdown(fd_.get(), SHUT_RD)); }

    void close(farewell how) noexcept {
        if (how == farewell::reset) {
            const ::linger at_once{1, 0};
            (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        fd_.reset();
    }

private:
    [[nodiscard]] static constexpr int flag(blocking may_block) noexcept {
        return may_block == blocking::no ? MSG_DONTWAIT : 0;
    }
    [[nodiscard]] static constexpr short events(transport_events watched) noexcept {
        return static_cast<short>((watched.readable ? POLLIN | POLLRDHUP : 0) | (watched.writable ? POLLOUT : 0) |
                                  (watched.ended ? POLLRDHUP : 0));
    }
    [[nodiscard]] static transport_events seen(const ::pollfd& entry) noexcept {
        const auto events = static_cast<unsigned>(entry.revents);
        return {.readable = (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0,
                .writable = (events & (POLLOUT | POLLHUP | POLLERR | POLLNVAL)) != 0,
                .ended = (events & POLLRDHUP) != 0,
                .failed = (events & (POLLHUP | POLLERR | POLLNVAL)) != 0};
    }
    [[nodiscard]] static result<std::size_t> count(::ssize_t moved) noexcept {
        if (moved < 0) {
            return failed{errno};
        }
        return static_cast<std::size_t>(moved);
    }
    [[nodiscard]] static result<void> outcome(int returned) noexcept {
        if (returned != 0) {
            return failed{errno};
        }
        return {};
    }

    unique_fd fd_;
    bool is_like_tcp_;
};

static_assert(transport<socket>);

}  // namespace ferrule::inline v0::net
