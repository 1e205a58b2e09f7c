// A real TCP connection whose two ends were adopted: what programs that use ferrule get.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include <ferrule/net/stream.hpp>

#include "../../support/give_up.hpp"
#include "socket.hpp"

namespace ferrule::bench {

class spliced_end {
public:
    spliced_end(socket_end&& from, const net::options& how) : stream_{net::stream::adopt(from.release(), how)} {}

    void send(std::span<const std::byte> bytes) {
        const auto sent = stream_.send(bytes);
        if (!sent || *sent != bytes.size()) {
            give_up("send on a stream");
        }
    }

    [[nodiscard]] std::size_t receive(std::span<std::byte> to) {
        const auto received = stream_.recv(to);
        if (!received) {
            give_up("recv on a stream");
        }
        return *received;
    }

    void finish_sending() { (void)stream_.shutdown(SHUT_WR); }

private:
    net::stream stream_;
};

/// Both ends over 127.0.0.1 with the options of `Path`. The first messages go by TCP, and are measured too.
template <class Path>
struct spliced {
    [[nodiscard]] static std::pair<spliced_end, spliced_end> connect() {
        auto [near, far] = tcp<nagle::off>::connect();
        return {spliced_end{std::move(near), Path::how()}, spliced_end{std::move(far), Path::how()}};
    }
};

/// As users get it: looks at the ring for what a sleep would cost, then sleeps.
struct default_stream : spliced<default_stream> {
    static constexpr const char* name = "ring";
    [[nodiscard]] static net::options how() { return {}; }
};
/// Never looks twice: what a wake costs.
struct parked_stream : spliced<parked_stream> {
    static constexpr const char* name = "ring, parked";
    [[nodiscard]] static net::options how() {
        net::options how;
        how.busy_poll = std::chrono::nanoseconds{0};
        return how;
    }
};
/// Looks for longer than any answer takes.
struct polled_stream : spliced<polled_stream> {
    static constexpr const char* name = "ring, polled";
    [[nodiscard]] static net::options how() {
        net::options how;
        how.busy_poll = std::chrono::microseconds{500};
        return how;
    }
};
/// Adopted, but without a ring: what it costs to be ready for one.
struct unpaired_stream : spliced<unpaired_stream> {
    static constexpr const char* name = "TCP, adopted";
    [[nodiscard]] static net::options how() {
        net::options how;
        how.pairing = net::pairing::off;
        return how;
    }
};

}  // namespace ferrule::bench
