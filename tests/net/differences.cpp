// Where a stream on its ring is not what the socket was. This is the whole list: each with its reason, and with exactly
// what is different. What net/differential.cpp invents keeps clear of them.
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "../support/differential/compare.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

enum class where : unsigned char { everywhere, over_tcp, over_unix };

/// What the steps of a script told, one after the other.
struct known_difference {
    std::string_view name;
    std::string_view reason;
    where kinds;
    std::size_t ring_capacity;
    const char* steps;
    std::string_view as_plain;
    std::string_view on_the_ring;
};

constexpr std::size_t large = std::size_t{1} << 18U;

constexpr std::array known{
    known_difference{"nothing is asked for", "recv() of no bytes waits for none", where::everywhere, large,
                     "b recv 0 dontwait; a send 1; b recv 0", "EAGAIN, 1, 0", "0, 1, 0"},
    known_difference{"asleep at SHUT_RD",
                     "AF_UNIX tells a sender that sleeps; a ring has no word for it, and is still read",
                     where::over_unix, large, "a fill; a send 1 waiting; b shutdown rd",
                     "full, begun, ok; a returns EPIPE", "full, begun, ok"},
    known_difference{"asleep at a reset",
                     "AF_UNIX tells a sender that sleeps about the reset; one that sleeps for a ring finds the pipe "
                     "broken, and its next recv() tells about the reset",
                     where::over_unix, large, "a fill; a send 1 waiting; b close; a recv 1; a recv 1",
                     "full, begun, done; a returns ECONNRESET, 0, 0",
                     "full, begun, done; a returns EPIPE, ECONNRESET, 0"},
    known_difference{
        "an error behind bytes",
        "recv() that has bytes and meets the error behind them keeps it for the next recv(); a socket "
        "tells whoever asks first",
        where::over_tcp, large, "b send 1; b recv 2 waitall waiting; a send 1; a close; b send 1; b recv 1; b recv 1",
        "1, begun, 1, done; b returns 1, ECONNRESET, 0, 0", "1, begun, 1, done; b returns 1, EPIPE, ECONNRESET, 0"},
    known_difference{"an error behind bytes", "the same with MSG_PEEK", where::over_tcp, large,
                     "b send 1; a send 1; a close; b recv 2 peek; b send 1; b recv 1; b recv 1",
                     "1, 1, done, 1, ECONNRESET, 1, 0", "1, 1, done, 1, EPIPE, 1, ECONNRESET"},
    known_difference{"an error behind bytes", "AF_UNIX tells nobody", where::over_unix, large,
                     "b send 1; b recv 2 waitall waiting; a send 1; a close; b recv 1; b recv 1",
                     "1, begun, 1, done; b returns 1, 0, 0", "1, begun, 1, done; b returns 1, ECONNRESET, 0"},
    known_difference{"writable at SHUT_RD", "send() would tell EPIPE; AF_UNIX does not say so before there is room",
                     where::over_unix, large, "b fill; a shutdown rd; b poll", "full, ok, nothing", "full, ok, OUT"},
    known_difference{"killed with something unread",
                     "the kernel resets for what is unread in the socket, and knows nothing of the ring",
                     where::everywhere, large, "a send 5; b die; a recv 1", "5, done, ECONNRESET", "5, done, 0"},
    known_difference{"sent to the dead", "a ring takes what fits, until the writer sleeps or the peer's end is seen",
                     where::over_unix, large, "b die; a send 5", "done, EPIPE", "done, 5"},
    known_difference{"sent to the dead", "the same", where::over_tcp, large, "b die; a send 5; a send 5",
                     "done, 5, EPIPE", "done, 5, 5"},
};

[[nodiscard]] bool applies(where kinds, connection kind) {
    return kinds == where::everywhere || is_tcp(kind) == (kinds == where::over_tcp);
}

[[nodiscard]] std::string in_one_line(const trace& told) {
    std::string all;
    for (const auto& each : told) {
        all += (all.empty() ? "" : ", ") + each;
    }
    return all;
}

/// A pair on its rings, with ten bytes in the ring to the second.
[[nodiscard]] stream_pair ten_bytes_in_the_ring(connection kind) {
    auto pair = on_the_ring(connect(kind));
    REQUIRE(keyed_sender{}.send_all(pair.first, 10));
    return pair;
}

}  // namespace

TEST_CASE("differences: each that a script can show is as it is listed") {
    comparison plain_and_streams;
    for (const auto& d : known) {
        const auto steps = parse(d.steps);
        REQUIRE(steps);
        for (const auto kind : connections()) {
            if (!applies(d.kinds, kind)) {
                continue;
            }
            CAPTURE(std::string{d.name});
            CAPTURE(to_string(kind));
            setup with;
            with.shows_differences = true;
            CHECK(in_one_line(plain_and_streams.run(*steps, kind, with)) == d.as_plain);
            with = {.name = "on the ring", .adopts = true, .opens_first = true};
            with.how.ring_capacity = d.ring_capacity;
            with.how.overflow = splice::overflow::never();
            with.shows_differences = true;
            CHECK(in_one_line(plain_and_streams.run(*steps, kind, with)) == d.on_the_ring);
        }
    }
}

TEST_CASE("differences: pieces: a recv() ends where the way changes, and the next one goes on") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const auto calls = [kind](equipment with) {
            return with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::array<std::byte, 10> bytes{};
                fill_pattern(bytes, 0);
                std::string all = told(a.send(bytes));
                bytes = {};
                std::size_t done = 0;
                while (done != 10) {
                    const auto more = b.recv(std::span{bytes}.subspan(done));
                    all += ", " + told(more);
                    done += more.value_or(10 - done);
                }
                CHECK(is_pattern(bytes, 0));
                return all;
            });
        };
        CHECK(calls(equipment::plain) == "10, 10");
        CHECK(calls(equipment::ring) == "10, 10");
        CHECK(calls(equipment::tiny_ring) == "10, 4, 6");  // Four in the ring, the rest behind it in the socket.
    }
}

TEST_CASE("differences: room: how much is accepted before it is full is the ring, and what the overflow policy adds") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        for (const auto overflow : {splice::overflow::never(), splice::overflow::on_full()}) {
            net::options how;
            how.ring_capacity = 4096;
            how.overflow = overflow;
            auto pair = on_the_ring(connect(kind), how);
            keyed_sender there;
            while (there.send(pair.first, 1000, MSG_DONTWAIT)) {
            }
            CHECK(pair.first.stats().sent.bytes_by_ring == 4096);
            CHECK((there.position() == 4096) == !overflow.spills());
        }
    }
}

TEST_CASE("differences: native_handle: what is done to the socket itself finds nothing of the ring") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = ten_bytes_in_the_ring(kind);
        const int fd = pair.second.native_handle();
        REQUIRE(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
        std::array<std::byte, 10> bytes{};
        CHECK(::read(fd, bytes.data(), bytes.size()) == -1);
        CHECK(errno == EAGAIN);
        std::array<int, 2> pipe{};
        REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
        const unique_fd ends[] = {unique_fd{pipe[0]}, unique_fd{pipe[1]}};
        CHECK(::splice(fd, nullptr, ends[1].get(), nullptr, 10, SPLICE_F_NONBLOCK) == -1);
        CHECK(errno == EAGAIN);
        int count = -1;
        CHECK(::ioctl(fd, SIOCINQ, &count) == 0);
        CHECK(count == 0);
        CHECK(::ioctl(pair.first.native_handle(), SIOCOUTQ, &count) == 0);
        CHECK(count == 0);
        ::pollfd entry{fd, POLLIN | POLLRDHUP, 0};
        CHECK(::poll(&entry, 1, 0) == 0);
        // And the stream is none the worse for it.
        keyed_receiver here;
        CHECK(here.receive_until(pair.second, 10));
    }
}

TEST_CASE("differences: native_handle: what is written to the socket itself has no place in the stream's order") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = on_the_ring(connect(kind));
        std::array<std::byte, 10> bytes{};
        const auto other = std::byte{99};
        REQUIRE(::write(pair.first.native_handle(), &other, 1) == 1);
        REQUIRE(keyed_sender{}.send_all(pair.first, 10));
        // Sent first, received last.
        keyed_receiver here;
        CHECK(here.receive(pair.second, 10).value_or(0) == 10);
        CHECK(here.in_order());
        REQUIRE(pair.second.recv(bytes).value_or(0) == 1);
        CHECK(bytes[0] == other);
    }
}

TEST_CASE("differences: urgent data: MSG_OOB is refused, because it has no place in the order of the stream") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = ten_bytes_in_the_ring(kind);
        const auto byte = std::byte{1};
        CHECK(pair.first.send({&byte, 1}, MSG_OOB).error().value() == EOPNOTSUPP);
        std::byte to{};
        CHECK(pair.second.recv({&to, 1}, MSG_OOB).error().value() == EOPNOTSUPP);
        CHECK(keyed_receiver{}.receive_until(pair.second, 10));
    }
}

TEST_CASE(
    "differences: buffers: SO_SNDBUF and SO_RCVBUF say nothing about the ring, which is as large as it was asked for") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = std::size_t{1} << 16U;
        how.overflow = splice::overflow::never();
        auto pair = on_the_ring(connect(kind), how);
        for (const auto* const end : {&pair.first, &pair.second}) {
            set_option(end->native_handle(), SOL_SOCKET, SO_SNDBUF, 1);
            set_option(end->native_handle(), SOL_SOCKET, SO_RCVBUF, 1);
        }
        keyed_sender there;
        CHECK(there.send(pair.first, std::size_t{1} << 17U, MSG_DONTWAIT).value_or(0) == std::size_t{1} << 16U);
    }
}
