// One end of a connection under a script: a plain socket, which may be adopted at any time, or a stream; and what it
// sends and receives, keyed by its position.
#pragma once

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/net/stream.hpp>

#include "../pattern.hpp"
#include "../script.hpp"
#include "step.hpp"

namespace ferrule::test {

/// The bytes of both directions, made once. They repeat after a prime number of them.
class keyed_bytes {
public:
    /// The stretch that begins at `position`.
    [[nodiscard]] static std::span<const std::byte> at(std::uint64_t position, std::size_t size) {
        static const std::vector<std::byte> all = [] {
            std::vector<std::byte> bytes(period + longest);
            fill_pattern(std::span{bytes}.first(period), 0);
            std::copy_n(bytes.begin(), longest, bytes.begin() + period);
            return bytes;
        }();
        REQUIRE(size <= longest);
        return std::span{all}.subspan(position % period, size);
    }
    static constexpr std::size_t longest = std::size_t{64} << 10U;

private:
    static constexpr std::size_t period = 500'009;
};

/// What streams can do; what is not there yet is in no script.
template <class Stream>
inline constexpr bool knows_flags = requires(Stream& s) {
    s.available();
};
template <class Stream>
inline constexpr bool knows_polling = requires(Stream& s) {
    s.ready();
};

[[nodiscard]] constexpr bool is_there(const operation& o) noexcept {
    switch (o.verb) {
        case verb::poll:
            return knows_polling<net::stream>;
        case verb::available:
        case verb::error:
            return knows_flags<net::stream>;
        default:
            return knows_flags<net::stream> || (o.manner <= manner::waiting || o.manner >= manner::rd);
    }
}

class endpoint {
public:
    endpoint(unique_fd fd, std::uint64_t sends_from, std::uint64_t receives_from)
        : end_{plain_end{std::move(fd)}}, sends_from_{sends_from}, receives_from_{receives_from} {}

    void adopt(const net::options& how) {
        if (auto* const plain = std::get_if<plain_end>(&end_)) {
            end_ = net::stream::adopt(plain->release(), how);
        }
    }
    /// An event loop has it: what that is told, events() tells.
    void be_polled() {
        (void)asked<int>(
            [](auto& s) -> int requires(knows_polling<std::remove_cvref_t<decltype(s)>>) { return s.poll_fd(); },
            [](int /*fd*/) { return -1; });
    }
    /// False if an event loop would not be told of `events`.
    [[nodiscard]] bool are_shown(unsigned events) {
        const int fd = asked<int>(
            [](auto& s) -> int requires(knows_polling<std::remove_cvref_t<decltype(s)>>) { return s.poll_fd(); },
            [](int /*fd*/) { return -1; });
        ::pollfd entry{fd, POLLIN, 0};
        return fd < 0 || (events & (POLLIN | POLLRDHUP)) == 0 || ::poll(&entry, 1, 0) == 1;
    }
    [[nodiscard]] bool is_adopted() const noexcept { return std::holds_alternative<net::stream>(end_); }
    [[nodiscard]] net::stream* stream() noexcept { return std::get_if<net::stream>(&end_); }
    [[nodiscard]] int native_handle() const {
        return std::visit([](const auto& end) { return end.native_handle(); }, end_);
    }
    [[nodiscard]] splice::route route() const noexcept {
        const auto* const s = std::get_if<net::stream>(&end_);
        return s != nullptr ? s->route() : splice::route::tcp;
    }

    /// Never with SIGPIPE.
    [[nodiscard]] result<std::size_t> send(std::size_t size, int flags) {
        const auto bytes = keyed_bytes::at(sends_from_ + sent_, size);
        const auto done = std::visit([&](auto& end) { return end.send(bytes, flags | MSG_NOSIGNAL); }, end_);
        sent_ += done.value_or(0);
        return done;
    }
    [[nodiscard]] result<std::size_t> sendv(std::size_t size, int flags) {
        const auto bytes = keyed_bytes::at(sends_from_ + sent_, size);
        auto pieces = in_pieces(const_cast<std::byte*>(bytes.data()), size);  // NOLINT: nobody writes to it.
        const auto done =
            by_message([&](auto& s) { return s.sendv(pieces, flags | MSG_NOSIGNAL); },
                       [&](int fd, const ::msghdr& m) { return ::sendmsg(fd, &m, flags | MSG_NOSIGNAL); }, pieces);
        sent_ += done.value_or(0);
        return done;
    }
    [[nodiscard]] result<std::size_t> recv(std::size_t size, int flags) {
        const auto to = std::span{buffer()}.first(size);
        const auto done = std::visit([&](auto& end) { return end.recv(to, flags); }, end_);
        look_at(to.first(done.value_or(0)), flags);
        return done;
    }
    [[nodiscard]] result<std::size_t> recvv(std::size_t size, int flags) {
        auto pieces = in_pieces(buffer().data(), size);
        const auto done = by_message([&](auto& s) { return s.recvv(pieces, flags); },
                                     [&](int fd, ::msghdr& m) { return ::recvmsg(fd, &m, flags); }, pieces);
        look_at(std::span{buffer()}.first(done.value_or(0)), flags);
        return done;
    }
    /// How many bytes there are to receive, as FIONREAD.
    [[nodiscard]] result<std::size_t> available() {
        return asked<result<std::size_t>>(
            [](auto& s) -> result<std::size_t> requires(knows_flags<std::remove_cvref_t<decltype(s)>>) {
                return s.available();
            },
            [](int fd) -> result<std::size_t> {
                int bytes = 0;
                if (::ioctl(fd, SIOCINQ, &bytes) != 0) {
                    return failed{errno};
                }
                return static_cast<std::size_t>(bytes);
            });
    }
    /// As SO_ERROR.
    [[nodiscard]] int error() {
        return asked<int>(
            [](auto& s) -> int requires(knows_flags<std::remove_cvref_t<decltype(s)>>) { return s.error().value(); },
            [](int fd) -> int {
                int error = 0;
                ::socklen_t size = sizeof error;
                return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
            });
    }
    /// As poll(2) would say.
    [[nodiscard]] unsigned events() {
        return asked<unsigned>(
            [](auto& s) -> unsigned requires(knows_polling<std::remove_cvref_t<decltype(s)>>) { return s.ready(); },
            [](int fd) -> unsigned {
                ::pollfd entry{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
                (void)::poll(&entry, 1, 0);
                return static_cast<unsigned>(entry.revents);
            });
    }
    void set_receive_timeout(::timeval limit) const {
        (void)::setsockopt(native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    [[nodiscard]] result<void> shutdown(int how) {
        return std::visit([&](auto& end) { return end.shutdown(how); }, end_);
    }
    void close() {
        std::visit([](auto& end) { end.close(); }, end_);
    }
    /// What the kernel does to a socket of a program that was killed; whatever is left of the end knows of nothing.
    void die() const {
        const unique_fd nowhere{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        REQUIRE(::dup2(nowhere.get(), native_handle()) == native_handle());
    }

    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }
    /// True until a byte came that was not the next one.
    [[nodiscard]] bool in_order() const noexcept { return in_order_.load(std::memory_order_relaxed); }

private:
    [[nodiscard]] static std::array<std::byte, keyed_bytes::longest>& buffer() noexcept {
        thread_local std::array<std::byte, keyed_bytes::longest> bytes;
        return bytes;
    }
    void look_at(std::span<const std::byte> came, int flags) noexcept {
        const auto expected = keyed_bytes::at(receives_from_ + received(), came.size());
        // What was thrown away cannot be looked at.
        const bool same = (flags & MSG_TRUNC) != 0 || std::memcmp(came.data(), expected.data(), came.size()) == 0;
        in_order_.store(in_order() && same, std::memory_order_relaxed);
        received_.store(received() + ((flags & MSG_PEEK) != 0 ? 0 : came.size()), std::memory_order_relaxed);
    }
    [[nodiscard]] static std::array<::iovec, 3> in_pieces(std::byte* bytes, std::size_t size) noexcept {
        const std::size_t first = size / 3;
        const std::size_t second = size / 5;
        return {::iovec{bytes, first}, ::iovec{bytes + first, second},
                ::iovec{bytes + first + second, size - first - second}};
    }
    template <class OfStream, class OfSocket>
    [[nodiscard]] result<std::size_t> by_message(OfStream of_stream, OfSocket of_socket,
                                                 std::array<::iovec, 3>& pieces) {
        return asked<result<std::size_t>>(
            [&](auto& s) -> result<std::size_t> requires(knows_flags<std::remove_cvref_t<decltype(s)>>) {
                return of_stream(s);
            },
            [&](int fd) -> result<std::size_t> {
                ::msghdr message{};
                message.msg_iov = pieces.data();
                message.msg_iovlen = pieces.size();
                const ::ssize_t moved = of_socket(fd, message);
                if (moved < 0) {
                    return failed{errno};
                }
                return static_cast<std::size_t>(moved);
            });
    }
    /// A stream, or the kernel.
    template <class Answer, class OfStream, class OfSocket>
    [[nodiscard]] Answer asked(OfStream of_stream, OfSocket of_socket) {
        return std::visit(
            [&](auto& end) {
                if constexpr (requires { of_stream(end); } && std::is_same_v<decltype(end), net::stream&>) {
                    return of_stream(end);
                } else {
                    return of_socket(end.native_handle());
                }
            },
            end_);
    }

    std::variant<plain_end, net::stream> end_;
    std::uint64_t sends_from_;
    std::uint64_t receives_from_;
    std::uint64_t sent_ = 0;
    // Relaxed, each for itself: a call that sleeps is a thread's, and somebody may look meanwhile.
    std::atomic<std::uint64_t> received_{0};
    std::atomic<bool> in_order_{true};
};

}  // namespace ferrule::test
