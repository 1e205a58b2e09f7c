// Pairs of adopted streams, what brings them onto their rings, and bytes keyed by their position to send through them.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/net/stream.hpp>

#include "connected.hpp"
#include "pattern.hpp"

namespace ferrule::test {

struct stream_pair {
    net::stream first;
    net::stream second;
};

[[nodiscard]] inline stream_pair adopt(connected pair, const net::options& how = {}) {
    auto first = net::stream::adopt(pair.connecting.release(), how);
    return {std::move(first), net::stream::adopt(pair.accepted.release(), how)};
}

/// Does what two idle programs do, until what `from` sends goes by the ring. Nothing may be under way to `to`.
inline void open(net::stream& from, net::stream& to) {
    while (from.route() != splice::route::ring) {
        std::byte none{};
        REQUIRE(from.send({}, MSG_DONTWAIT));
        REQUIRE(to.recv({&none, 1}, MSG_DONTWAIT).would_block());
    }
}

[[nodiscard]] inline stream_pair on_the_ring(connected pair, const net::options& how = {}) {
    auto both = adopt(std::move(pair), how);
    open(both.first, both.second);
    open(both.second, both.first);
    return both;
}

/// The sender's side of a keyed stream.
class keyed_sender {
public:
    explicit keyed_sender(std::uint64_t start = 0) noexcept : at_{start} {}

    [[nodiscard]] std::uint64_t position() const noexcept { return at_; }

    /// Sends the next `size` bytes; what was accepted of them was sent. Without SIGPIPE.
    [[nodiscard]] result<std::size_t> send(net::stream& by, std::size_t size, int flags = 0) {
        const auto bytes = next(size);
        const auto sent = by.send(bytes, flags | MSG_NOSIGNAL);
        at_ += sent.value_or(0);
        return sent;
    }
    /// All of them, whatever the pieces. False if that failed.
    [[nodiscard]] bool send_all(net::stream& by, std::size_t size) {
        return size == 0 || send(by, size).value_or(0) == size;
    }

    [[nodiscard]] std::span<const std::byte> next(std::size_t size) {
        if (bytes_.size() < size) {
            bytes_.resize(size);
        }
        const auto bytes = std::span{bytes_}.first(size);
        fill_pattern(bytes, at_);
        return bytes;
    }

private:
    std::uint64_t at_;
    std::vector<std::byte> bytes_;
};

/// The receiver's side of it.
class keyed_receiver {
public:
    explicit keyed_receiver(std::uint64_t start = 0) noexcept : at_{start} {}

    [[nodiscard]] std::uint64_t position() const noexcept { return at_; }
    /// True until a byte arrived that was not the next one.
    [[nodiscard]] bool in_order() const noexcept { return in_order_; }

    [[nodiscard]] result<std::size_t> receive(net::stream& by, std::size_t size, int flags = 0) {
        if (bytes_.size() < size) {
            bytes_.resize(size);
        }
        const auto received = by.recv(std::span{bytes_}.first(size), flags);
        if (received) {
            accept(std::span{bytes_}.first(*received));
        }
        return received;
    }
    /// Receives until the stream has come to `position`. False if it ended before, or was out of order.
    [[nodiscard]] bool receive_until(net::stream& by, std::uint64_t position, std::size_t piece = 1U << 16U) {
        while (at_ < position && in_order_) {
            const auto received = receive(by, static_cast<std::size_t>(std::min<std::uint64_t>(piece, position - at_)));
            if (received.value_or(0) == 0) {
                return false;
            }
        }
        return in_order_;
    }
    void accept(std::span<const std::byte> bytes) noexcept {
        in_order_ = in_order_ && is_pattern(bytes, at_);
        at_ += bytes.size();
    }

private:
    std::uint64_t at_;
    bool in_order_ = true;
    std::vector<std::byte> bytes_;
};

}  // namespace ferrule::test
