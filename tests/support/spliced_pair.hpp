// Two endpoints of a splice over a fake connection, the usual subject of its tests.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <ferrule/ferrule.hpp>
#include <ferrule/splice/channel.hpp>

#include "fake_stream.hpp"
#include "pattern.hpp"
#include "scripted_platform.hpp"

namespace ferrule::test {

/// As a test of one thread wants it: nobody polls on a clock that only the test moves.
[[nodiscard]] constexpr splice::behaviour deterministic(splice::overflow how = splice::overflow::on_stall()) noexcept {
    return {
        .overflow = how, .busy_poll = std::chrono::nanoseconds{0}, .opening_patience = std::chrono::microseconds{500}};
}

struct windows {
    std::size_t send = 64;
    std::size_t receive = 64;
    delivery how = delivery::at_once;
};

template <class Platform, class Waiter = waiter::eventfd>
struct spliced_pair {
    using ring = basic_ring<storage::heap<std::byte>, Waiter, Platform>;
    using channel = splice::channel<fake_stream, ring>;
    using time_point = std::chrono::steady_clock::time_point;

    explicit spliced_pair(std::size_t capacity, splice::behaviour how = deterministic(), windows tcp = {})
        : wire{tcp.send, tcp.receive, tcp.how}, rings{capacity}, a{wire.first, how}, b{wire.second, how} {}
    ~spliced_pair() {
        a.close();
        b.close();
    }
    spliced_pair(const spliced_pair&) = delete;
    spliced_pair& operator=(const spliced_pair&) = delete;

    /// Both endpoints get their rings.
    void offer() noexcept {
        a.offer(rings.seat_of(splice::side::first));
        b.offer(rings.seat_of(splice::side::second));
    }

    fake_connection wire;
    splice::joint<ring> rings;
    channel a;
    channel b;
};

/// The sending side of a stream whose every byte is known by its position.
template <class Channel>
struct talker {
    Channel* to;
    std::uint64_t sent = 0;
    int error = 0;  ///< The last one.
    int errors = 0;

    /// Sends `n` more; what was accepted counts.
    std::size_t send(std::size_t n, std::chrono::steady_clock::time_point deadline = Channel::at_once) {
        std::array<std::byte, 4096> bytes;
        fill_pattern(std::span{bytes}.first(n), sent);
        const auto done = to->send(std::span{bytes}.first(n), deadline);
        if (!done) {
            error = done.error().value();
            errors += done.would_block() ? 0 : 1;
            return 0;
        }
        sent += *done;
        return *done;
    }
};

/// The receiving side.
template <class Channel>
struct listener {
    Channel* from;
    std::uint64_t received = 0;
    std::uint64_t wrong = 0;
    int error = 0;  ///< The last one.
    int errors = 0;
    bool ended = false;

    /// Receives up to `n` at once, and compares.
    std::size_t receive(std::size_t n = 4096, std::chrono::steady_clock::time_point deadline = Channel::at_once) {
        std::array<std::byte, 4096> bytes;
        return note(from->receive(std::span{bytes}.first(n), deadline), bytes, n);
    }
    std::size_t note(const result<std::size_t>& got, std::span<const std::byte> bytes, std::size_t n) {
        if (!got) {
            error = got.error().value();
            errors += got.would_block() ? 0 : 1;
            return 0;
        }
        ended = ended || (*got == 0 && n != 0);
        wrong += is_pattern(bytes.first(*got), received) ? 0U : 1U;
        received += *got;
        return *got;
    }
    /// The same into two pieces, both of them full unless the call may not wait.
    std::size_t receive_in_pieces(std::size_t n, std::chrono::steady_clock::time_point deadline) {
        std::array<std::byte, 4096> bytes;
        const std::array<::iovec, 2> list{::iovec{bytes.data(), n / 2}, ::iovec{bytes.data() + n / 2, n - n / 2}};
        receive_how how;
        how.whole = true;
        return note(from->receive(ferrule::detail::pieces<std::byte>::of(list), how, deadline), bytes, n);
    }
    /// Looks at what comes next, up to `n` bytes, and compares.
    void look_ahead(std::size_t n) {
        std::array<std::byte, 4096> bytes;
        receive_how how;
        how.keep = true;
        const auto got = from->receive(std::span{bytes}.first(n), how, Channel::at_once);
        if (!got) {
            error = got.error().value();
            errors += got.would_block() ? 0 : 1;
            return;
        }
        wrong += *got <= n && is_pattern(std::span{bytes}.first(*got), received) ? 0U : 1U;
    }
    /// Receives until there is nothing more at present.
    std::size_t drain(std::size_t at_a_time = 4096) {
        std::size_t all = 0;
        while (const std::size_t n = receive(at_a_time)) {
            all += n;
        }
        return all;
    }
};

/// Exchanges bytes until what `out` sends goes by the ring. False if it would not.
template <class Channel>
[[nodiscard]] bool open_ring(talker<Channel>& out, listener<Channel>& in) {
    for (int i = 0; i != 8 && out.to->sends_by() != splice::route::ring; ++i) {
        in.drain();
        (void)out.send(1);
        in.drain();
    }
    in.drain();
    return out.to->sends_by() == splice::route::ring && in.received == out.sent;
}

template <class Channel>
talker(Channel*) -> talker<Channel>;
template <class Channel>
listener(Channel*) -> listener<Channel>;

}  // namespace ferrule::test
