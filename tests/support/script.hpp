// A few lines of what two programs do with a connection, to be run on plain sockets and on streams, and compared.
#pragma once

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "streams.hpp"

namespace ferrule::test {

/// What is at the ends of the connection that a script is run on.
enum class equipment : unsigned char {
    plain,     ///< Two sockets.
    one,       ///< A stream, and a socket that nobody adopted.
    unopened,  ///< Two streams, whose bytes still go by the socket.
    ring,      ///< Two streams on their rings.
    tiny_ring  ///< The same, with rings so small that nearly everything goes partly by the socket.
};

[[nodiscard]] inline std::string to_string(equipment with) {
    constexpr std::array names{"plain", "one stream", "unopened", "ring", "tiny ring"};
    return names[static_cast<std::size_t>(with)];
}

/// A plain socket, with the calls of a stream.
class plain_end {
public:
    explicit plain_end(unique_fd fd) noexcept : fd_{std::move(fd)} {}
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, int flags = 0) const noexcept {
        return count(::send(fd_.get(), bytes.data(), bytes.size(), flags));
    }
    [[nodiscard]] result<std::size_t> recv(std::span<std::byte> to, int flags = 0) const noexcept {
        return count(::recv(fd_.get(), to.data(), to.size(), flags));
    }
    [[nodiscard]] result<std::size_t> sendv(std::span<const ::iovec> pieces, int flags = 0) const noexcept {
        const ::msghdr message = about(pieces);
        return count(::sendmsg(fd_.get(), &message, flags));
    }
    [[nodiscard]] result<std::size_t> recvv(std::span<const ::iovec> pieces, int flags = 0) const noexcept {
        ::msghdr message = about(pieces);
        return count(::recvmsg(fd_.get(), &message, flags));
    }
    [[nodiscard]] result<std::size_t> available() const noexcept { return bytes_by(SIOCINQ); }
    [[nodiscard]] result<std::size_t> unsent() const noexcept { return bytes_by(SIOCOUTQ); }
    [[nodiscard]] std::error_code error() const noexcept {
        return {net::socket_option<int>(fd_.get(), SOL_SOCKET, SO_ERROR).value_or(errno), std::system_category()};
    }
    [[nodiscard]] result<void> set_low_water(int mark) const noexcept {
        return ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0 ? result<void>{}
                                                                                         : result<void>{failed{errno}};
    }
    [[nodiscard]] result<void> shutdown(int how) const noexcept {
        return ::shutdown(fd_.get(), how) == 0 ? result<void>{} : result<void>{failed{errno}};
    }
    void close() noexcept { fd_.reset(); }
    [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }
    /// For whoever adopts it.
    [[nodiscard]] int release() noexcept { return fd_.release(); }

private:
    [[nodiscard]] static ::msghdr about(std::span<const ::iovec> pieces) noexcept {
        ::msghdr message{};
        message.msg_iov = const_cast<::iovec*>(pieces.data());  // NOLINT: the system does not write to it.
        message.msg_iovlen = pieces.size();
        return message;
    }
    [[nodiscard]] result<std::size_t> bytes_by(unsigned long request) const noexcept {
        int bytes = 0;
        return count(::ioctl(fd_.get(), request, &bytes) < 0 ? -1 : bytes);
    }
    [[nodiscard]] static result<std::size_t> count(::ssize_t moved) noexcept {
        return moved < 0 ? result<std::size_t>{failed{errno}} : result<std::size_t>{static_cast<std::size_t>(moved)};
    }
    unique_fd fd_;
};

[[nodiscard]] inline std::string name_of_error(int error) {
    switch (error) {
        case 0:
            return "ok";
        case EAGAIN:
            return "EAGAIN";
        case EPIPE:
            return "EPIPE";
        case ECONNRESET:
            return "ECONNRESET";
        case ENOTCONN:
            return "ENOTCONN";
        case EINVAL:
            return "EINVAL";
        case EINTR:
            return "EINTR";
        case EFAULT:
            return "EFAULT";
        case EMSGSIZE:
            return "EMSGSIZE";
        case EOPNOTSUPP:
            return "EOPNOTSUPP";
        default:
            return std::to_string(error);
    }
}

/// "7", or "EPIPE".
[[nodiscard]] inline std::string told(const result<std::size_t>& outcome) {
    return outcome ? std::to_string(*outcome) : name_of_error(outcome.error().value());
}

namespace detail {

/// What one of the two has sent and received so far.
struct position {
    std::uint64_t sent;
    std::uint64_t received;
};

/// `verb` done by `end`, and what came of it.
template <class End>
[[nodiscard]] std::string perform(End& end, const std::string& verb, std::size_t size, position& at) {
    static std::array<std::byte, 1U << 16U> buffer;
    REQUIRE(size <= buffer.size());
    if (verb == "send" || verb == "try_send") {
        const auto bytes = std::span{buffer}.first(size);
        fill_pattern(bytes, at.sent);
        const auto sent = end.send(bytes, MSG_NOSIGNAL | (verb == "send" ? 0 : MSG_DONTWAIT));
        at.sent += sent.value_or(0);
        return told(sent);
    }
    if (verb == "recv" || verb == "try_recv") {
        // As much as was asked for, in as many calls as that takes: on a ring the pieces may be others.
        std::string outcome;
        std::size_t done = 0;
        do {
            const auto to = std::span{buffer}.first(size - done);
            const auto received = end.recv(to, verb == "recv" ? 0 : MSG_DONTWAIT);
            if (received.value_or(0) == 0) {
                outcome = told(received);
                break;
            }
            if (!is_pattern(to.first(*received), at.received)) {
                return "WRONG BYTES";
            }
            at.received += *received;
            done += *received;
        } while (done != size);
        return done == 0 ? outcome : std::to_string(done) + (outcome.empty() ? "" : "+" + outcome);
    }
    // In one call, whatever comes of it.
    if (verb == "recv_all" || verb == "peek" || verb == "try_peek" || verb == "peek_all" || verb == "recv_once") {
        const auto to = std::span{buffer}.first(size);
        const int keep = verb.find("peek") == std::string::npos ? 0 : MSG_PEEK;
        const auto received = end.recv(to, keep | (verb.find("all") == std::string::npos ? 0 : MSG_WAITALL) |
                                               (verb == "try_peek" ? MSG_DONTWAIT : 0));
        if (!is_pattern(to.first(received.value_or(0)), at.received)) {
            return "WRONG BYTES";
        }
        at.received += keep != 0 ? 0 : received.value_or(0);
        return told(received);
    }
    if (verb == "available") {
        return told(end.available());
    }
    if (verb == "unsent") {
        return told(end.unsent());
    }
    if (verb == "error") {
        return name_of_error(end.error().value());
    }
    if (verb == "low_water") {
        return name_of_error(end.set_low_water(static_cast<int>(size)).error().value());
    }
    if (verb == "recv_limit" || verb == "send_limit") {
        const ::timeval limit{static_cast<::time_t>(size / 1000), static_cast<::suseconds_t>(size % 1000 * 1000)};
        const int option = verb == "recv_limit" ? SO_RCVTIMEO : SO_SNDTIMEO;
        REQUIRE(::setsockopt(end.native_handle(), SOL_SOCKET, option, &limit, sizeof limit) == 0);
        return "done";
    }
    if (verb == "shut_rd" || verb == "shut_wr" || verb == "shut_rdwr") {
        const int how = verb == "shut_rd" ? SHUT_RD : verb == "shut_wr" ? SHUT_WR : SHUT_RDWR;
        return name_of_error(end.shutdown(how).error().value());
    }
    if (verb == "close") {
        end.close();
        return "done";
    }
    // What travels through the kernel may take a moment: these wait for it.
    if (verb == "sees_fin" || verb == "sees_end") {
        ::pollfd entry{end.native_handle(), static_cast<short>(verb == "sees_fin" ? POLLRDHUP : 0), 0};
        return ::poll(&entry, 1, 5000) == 1 ? "yes" : "no";
    }
    if (verb == "arrives") {
        // AF_UNIX counts what is not read yet, and needs no time.
        int domain = 0;
        ::socklen_t length = sizeof domain;
        REQUIRE(::getsockopt(end.native_handle(), SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0);
        int on_the_way = domain == AF_UNIX ? 0 : 1;
        while (on_the_way != 0) {
            REQUIRE(::ioctl(end.native_handle(), SIOCOUTQ, &on_the_way) == 0);
        }
        return "yes";
    }
    return "unknown verb " + verb;
}

template <class First, class Second>
[[nodiscard]] std::string trace(std::string_view script, First& a, Second& b) {
    constexpr std::uint64_t from_b = std::uint64_t{1} << 40U;
    position of_a{0, from_b};
    position of_b{from_b, 0};
    std::istringstream lines{std::string{script}};
    std::string all;
    for (std::string line; std::getline(lines, line, ';');) {
        std::istringstream words{line};
        std::string who;
        std::string verb;
        std::size_t size = 0;
        words >> who >> verb >> size;
        all += all.empty() ? "" : "; ";
        all += who + " " + verb + ": ";
        all += who == "a" ? perform(a, verb, size, of_a) : perform(b, verb, size, of_b);
    }
    return all;
}

}  // namespace detail

/// Calls `act(a, b)` with the two ends of a new connection. `a` is who connected.
template <class Act>
auto with_ends(connection kind, equipment with, net::options how, Act act) {
    auto ends = connect(kind);
    if (with == equipment::plain) {
        plain_end a{std::move(ends.connecting)};
        plain_end b{std::move(ends.accepted)};
        return act(a, b);
    }
    if (with == equipment::one) {
        auto a = net::stream::adopt(ends.connecting.release(), how);
        plain_end b{std::move(ends.accepted)};
        return act(a, b);
    }
    if (with == equipment::unopened) {
        auto both = adopt(std::move(ends), how);
        return act(both.first, both.second);
    }
    if (with == equipment::tiny_ring) {
        how.ring_capacity = 4;
        how.overflow = splice::overflow::on_full();
    }
    auto both = on_the_ring(std::move(ends), how);
    return act(both.first, both.second);
}

/// Runs `script`, "a send 10; b recv 10; b close", and returns what came of each line.
[[nodiscard]] inline std::string run_script(std::string_view script, connection kind, equipment with) {
    return with_ends(kind, with, {}, [&](auto& a, auto& b) { return detail::trace(script, a, b); });
}

}  // namespace ferrule::test
