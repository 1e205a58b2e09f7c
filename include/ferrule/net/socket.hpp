// The transport of a splice over a real connected stream socket. Every call is one system call.
#pragma once

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/detail/rest_until.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/net/interruption.hpp>
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

    /// Never raises SIGPIPE: that is for whoever was called, if at all.
    [[nodiscard]] result<std::size_t> send(ferrule::detail::pieces<const std::byte> bytes,
                                           send_how how) const noexcept {
        const int flags = MSG_NOSIGNAL | how.as_is | flag(how.may_block) | (how.more ? MSG_MORE : 0);
        if (bytes.is_one()) {
            return count(::send(fd_.get(), bytes.front().data(), bytes.front().size(), flags));
        }
        ::iovec room[some_pieces];
        const ::msghdr message = about(bytes.list(room));
        return count(::sendmsg(fd_.get(), &message, flags));
    }
    [[nodiscard]] result<std::size_t> receive(ferrule::detail::pieces<std::byte> to, receive_how how) const noexcept {
        const int flags = flag(how.may_block) | (how.keep ? MSG_PEEK : 0) | (how.whole ? MSG_WAITALL : 0) |
                          (how.discard ? MSG_TRUNC : 0);
        if (to.is_one()) {
            return count(::recv(fd_.get(), to.front().data(), to.front().size(), flags));
        }
        ::iovec room[some_pieces];
        ::msghdr message = about(to.list(room));
        return count(::recvmsg(fd_.get(), &message, flags));
    }

    [[nodiscard]] bool readable() const noexcept {
        ::pollfd entry{fd_.get(), POLLIN | POLLRDHUP, 0};
        return ::poll(&entry, 1, 0) > 0;
    }

    [[nodiscard]] result<std::size_t> unacknowledged() const noexcept { return bytes_by(SIOCOUTQ); }

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
        const int n = ::ppoll(entries, 2, ferrule::detail::rest_until{deadline}.get(), nullptr);
        if (n <= 0) {
            return {.interrupted = n < 0 && errno == EINTR};
        }
        return seen(entries[1]);
    }

    [[nodiscard]] transport_events look(transport_events watched) const noexcept {
        ::pollfd entry{fd_.get(), events(watched), 0};
        return ::poll(&entry, 1, 0) > 0 ? seen(entry) : transport_events{};
    }

    [[nodiscard]] result<void> finish_sending() const noexcept { return outcome(::shutdown(fd_.get(), SHUT_WR)); }
    [[nodiscard]] result<void> stop_receiving() const noexcept { return outcome(::shutdown(fd_.get(), SHUT_RD)); }

    [[nodiscard]] std::chrono::steady_clock::duration send_limit() const noexcept { return limit(SO_SNDTIMEO); }
    [[nodiscard]] std::chrono::steady_clock::duration receive_limit() const noexcept { return limit(SO_RCVTIMEO); }

    /// poll() would not show less than the low-water mark, and a splice has to see every byte.
    [[nodiscard]] std::size_t take_low_water() const noexcept {
        const int mark = socket_option<int>(fd_.get(), SOL_SOCKET, SO_RCVLOWAT).value_or(1);
        if (mark > 1) {
            (void)set_low_water(1);
        }
        return static_cast<std::size_t>(std::max(mark, 1));
    }
    [[nodiscard]] result<void> set_low_water(int mark) const noexcept {
        return outcome(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark));
    }

    [[nodiscard]] static bool restarts() noexcept { return handlers_ask_for_restart(); }

    /// How many bytes recv() would give without waiting.
    [[nodiscard]] result<std::size_t> available() const noexcept { return bytes_by(SIOCINQ); }
    /// SO_ERROR: the error that no call has told yet, which is then told.
    [[nodiscard]] int take_error() const noexcept {
        return socket_option<int>(fd_.get(), SOL_SOCKET, SO_ERROR).value_or(EBADF);
    }

    void close(farewell how) noexcept {
        if (how == farewell::reset) {
            const ::linger at_once{1, 0};
            (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        fd_.reset();
    }

private:
    /// Of a list that a call has begun and has to go on with: it moves a prefix.
    static constexpr std::size_t some_pieces = 16;

    [[nodiscard]] static ::msghdr about(std::span<const ::iovec> list) noexcept {
        ::msghdr message{};
        message.msg_iov = const_cast<::iovec*>(list.data());  // NOLINT: the system does not write to it.
        message.msg_iovlen = list.size();
        return message;
    }
    [[nodiscard]] std::chrono::steady_clock::duration limit(int option) const noexcept {
        const auto set = socket_option<::timeval>(fd_.get(), SOL_SOCKET, option);
        if (!set || (set->tv_sec == 0 && set->tv_usec == 0)) {
            return std::chrono::steady_clock::duration::max();
        }
        // What the kernel gives out is seconds that it once took in; a century is for ever, and does not overflow.
        constexpr ::time_t century = 3'155'760'000;
        return std::chrono::seconds{std::min(set->tv_sec, century)} + std::chrono::microseconds{set->tv_usec};
    }
    [[nodiscard]] result<std::size_t> bytes_by(unsigned long request) const noexcept {
        int bytes = 0;
        if (::ioctl(fd_.get(), request, &bytes) != 0) {
            return failed{errno};
        }
        return static_cast<std::size_t>(bytes);
    }
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
