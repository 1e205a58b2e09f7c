// A real TCP connection whose two ends were adopted: what programs that use ferrule get.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/stream.hpp>

#include "../../support/give_up.hpp"
#include "socket.hpp"

namespace ferrule::bench {

class spliced_end {
public:
    explicit spliced_end(net::stream stream) noexcept : stream_{std::move(stream)} {}

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

/// Two processes over 127.0.0.1, with the options of `Path`, and rings that they share. The first messages go by TCP,
/// and are measured too.
template <class Path>
struct spliced {
    struct near_end {
        socket_end socket;
        net::shared_joint half;
    };
    struct far_end {
        socket_end socket;
        net::joint_half half;
    };
    struct both {
        near_end near;
        far_end far;
    };

    [[nodiscard]] static both connect() {
        auto [near, far] = tcp<nagle::off>::connect();
        auto joint = net::shared_joint::make(Path::how().ring_capacity);
        if (!joint) {
            give_up("make rings");
        }
        return {{std::move(near), std::move(joint->here)}, {std::move(far), std::move(joint->there)}};
    }
    [[nodiscard]] static spliced_end open(near_end end) { return join(end.socket, std::move(end.half)); }
    [[nodiscard]] static spliced_end open(far_end end) {
        auto half = net::shared_joint::attach(std::move(end.half));
        if (!half) {
            give_up("attach rings");
        }
        return join(end.socket, std::move(*half));
    }

private:
    [[nodiscard]] static spliced_end join(socket_end& socket, net::shared_joint half) {
        auto stream = net::stream::adopt(socket.release(), Path::how());
        if (!stream.join(std::move(half))) {
            give_up("join rings");
        }
        return spliced_end{std::move(stream)};
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
struct unpaired_stream {
    static constexpr const char* name = "TCP, adopted";
    [[nodiscard]] static connected_sockets connect() { return tcp<nagle::off>::connect(); }
    [[nodiscard]] static spliced_end open(socket_end end) { return spliced_end{net::stream::adopt(end.release())}; }
};

}  // namespace ferrule::bench
