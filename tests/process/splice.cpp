// Streams whose ends are in two processes: bytes in order by rings and TCP, whoever stops, dies or leaves.
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "../support/far_stream.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::array every_kind{connection::tcp4, connection::tcp6, connection::unix_pair, connection::unix_named};

/// Sends `total` keyed bytes in pieces of many sizes. False if that failed.
bool send_keyed(net::stream& by, std::uint64_t total) {
    keyed_sender keyed;
    for (std::size_t size = 1; keyed.position() < total; size = size * 7 % 10007) {
        if (!keyed.send_all(by, static_cast<std::size_t>(std::min<std::uint64_t>(size, total - keyed.position())))) {
            return false;
        }
    }
    return true;
}

/// Receives `total` of them, and then the end.
bool receive_keyed(net::stream& by, std::uint64_t total) {
    keyed_receiver keyed;
    std::byte more{};
    return keyed.receive_until(by, total, 5000) && by.recv({&more, 1}).value_or(1) == 0;
}

/// One byte back and forth, which is how both directions come onto their rings.
bool play(net::stream& with, int rounds) {
    std::byte ball{};
    for (int i = 0; i != rounds; ++i) {
        if (with.send({&ball, 1}).value_or(0) != 1 || with.recv({&ball, 1}).value_or(0) != 1) {
            return false;
        }
    }
    return true;
}
constexpr int rounds = 20;

/// Both directions at once.
bool converse(net::stream& with, std::uint64_t total) {
    bool sent = false;
    if (!play(with, rounds)) {
        return false;
    }
    std::thread sender{[&] { sent = send_keyed(with, total) && with.shutdown(SHUT_WR); }};
    const bool received = receive_keyed(with, total);
    sender.join();
    return sent && received;
}

net::options with_rings_of(std::size_t capacity) {
    net::options how;
    how.ring_capacity = capacity;
    return how;
}

}  // namespace

TEST_CASE("splice: both directions between two processes, by rings of many sizes") {
    const watchdog watched{"a conversation of two processes"};
    for (const auto kind : every_kind) {
        for (const std::size_t capacity : {std::size_t{64}, std::size_t{4096}, std::size_t{1} << 18U}) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            const std::uint64_t total = capacity == 64 ? 200'000 : 5'000'000;
            far_stream far{kind, with_rings_of(capacity),
                           [=](net::stream& there, int /*socket*/) { return converse(there, total) ? 0 : 1; }};
            CHECK(converse(far.here, total));
            CHECK(far.process.outcome() == "exit 0");
            const auto counts = far.here.stats();
            CHECK(counts.sent.bytes_by_ring + counts.sent.bytes_by_tcp == total + rounds);
            CHECK(counts.sent.bytes_by_ring > 0);
            CHECK(counts.received.bytes_by_ring > 0);
            std::printf("%s, rings of %zu: %.1f %% by the ring, %llu spills, %llu returns\n", to_string(kind).c_str(),
                        capacity, 100.0 * static_cast<double>(counts.sent.bytes_by_ring) / static_cast<double>(total),
                        static_cast<unsigned long long>(counts.sent.spills),
                        static_cast<unsigned long long>(counts.sent.returns));
        }
    }
}

TEST_CASE("splice: a writer that never rests comes onto rings that arrive in mid-stream") {
    const watchdog watched{"a writer without rest"};
    for (const auto kind : every_kind) {
        for (const std::size_t piece : {std::size_t{1000}, std::size_t{1} << 20U}) {
            CAPTURE(to_string(kind));
            CAPTURE(piece);
            auto ends = connect(kind);
            other_process process{[&](int socket) {
                ends.connecting.reset();
                auto there = net::stream::adopt(ends.accepted.release());
                keyed_receiver keyed;
                if (!keyed.receive_until(there, 1U << 22U) || !join_by(socket, there)) {
                    return 1;
                }
                while (keyed.receive(there, 1U << 18U).value_or(0) != 0) {
                }
                return keyed.in_order() ? 0 : 1;
            }};
            ends.accepted.reset();
            auto here = net::stream::adopt(ends.connecting.release());
            auto made = net::shared_joint::make(1U << 18U);
            REQUIRE(made);
            REQUIRE(net::send_descriptors(process.socket(), made->there.descriptors()));
            made->there = {};
            REQUIRE(here.join(std::move(made->here)));
            keyed_sender keyed;
            while (here.stats().sent.bytes_by_ring == 0) {
                REQUIRE(keyed.send_all(here, piece));
            }
            std::printf("%s, %zu bytes at a time: on the ring after %llu by the socket\n", to_string(kind).c_str(),
                        piece, static_cast<unsigned long long>(here.stats().sent.bytes_by_tcp));
            here.close();
            CHECK(process.outcome() == "exit 0");
        }
    }
}

TEST_CASE("splice: a peer that is killed ends the stream behind what it had sent") {
    const watchdog watched{"the death of a peer"};
    for (const auto kind : every_kind) {
        CAPTURE(to_string(kind));
        far_stream far{kind, with_rings_of(4096), [](net::stream& there, int /*socket*/) {
                           std::array<std::byte, 1> go{};
                           if (there.recv(go).value_or(0) != 1 || !send_keyed(there, 1'000'000)) {
                               return 1;
                           }
                           ::raise(SIGKILL);
                           return 1;
                       }};
        const std::array<std::byte, 1> go{};
        REQUIRE(far.here.send(go));
        CHECK(receive_keyed(far.here, 1'000'000));
        CHECK(far.process.outcome() == "signal 9");
        CHECK(far.here.stats().received.bytes_by_ring > 0);
    }
}

TEST_CASE("splice: a writer whose reader is killed while it sleeps hears of it") {
    const watchdog watched{"the death of a reader"};
    for (const auto kind : every_kind) {
        for (const auto overflow : {splice::overflow::never(), splice::overflow::on_stall()}) {
            CAPTURE(to_string(kind));
            auto how = with_rings_of(4096);
            how.overflow = overflow;
            far_stream far{kind, how, [](net::stream& there, int socket) {
                               keyed_receiver keyed;
                               if (!keyed.receive_until(there, 100'000, 100) || !say(socket)) {
                                   return 1;
                               }
                               ::pause();
                               return 0;
                           }};
            int error = 0;
            std::uint64_t accepted = 0;
            std::thread sender{[&] {
                for (keyed_sender keyed; error == 0; accepted = keyed.position()) {
                    error = keyed.send(far.here, 1000).error().value();
                }
            }};
            REQUIRE(hear(far.process.socket()));
            far.process.signal(SIGKILL);
            sender.join();
            CHECK((error == EPIPE || error == ECONNRESET));
            CHECK(accepted >= 100'000);
        }
    }
}

TEST_CASE("splice: a peer that closes its stream while somebody else keeps the connection") {
    const watchdog watched{"a connection that survives"};
    for (const auto kind : every_kind) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        const unique_fd sibling{::dup(ends.accepted.get())};
        other_process process{[&](int socket) {
            ends.connecting.reset();
            auto there = net::stream::adopt(ends.accepted.release());
            if (!join_by(socket, there) || !send_keyed(there, 100'000) || !hear(socket)) {
                return 1;
            }
            ::raise(SIGKILL);
            return 1;
        }};
        ends.accepted.reset();
        auto here = net::stream::adopt(ends.connecting.release());
        auto made = net::shared_joint::make(1U << 17U);
        REQUIRE(made);
        REQUIRE(net::send_descriptors(process.socket(), made->there.descriptors()));
        made->there = {};
        REQUIRE(here.join(std::move(made->here)));
        keyed_receiver keyed;
        CHECK(keyed.receive_until(here, 99'000));
        REQUIRE(say(process.socket()));
        CHECK(process.outcome() == "signal 9");
        // Its end of the connection lives on, in this process, whose bytes follow what it had put into the ring.
        keyed_sender plain{100'000};
        const auto more = plain.next(5000);
        std::thread writer{[&] { CHECK(::send(sibling.get(), more.data(), more.size(), 0) == 5000); }};
        CHECK(keyed.receive_until(here, 105'000));
        writer.join();
    }
}

TEST_CASE("splice: one half is enough for a stream, and only one") {
    auto both = adopt(connect(connection::tcp4));
    auto made = net::shared_joint::make(4096);
    REQUIRE(made);
    CHECK(both.first.join(std::move(made->here)).error().value() == EISCONN);  // They found each other in this process.
    net::options off;
    off.pairing = net::pairing::off;
    auto others = adopt(connect(connection::tcp4), off);
    made = net::shared_joint::make(4096);
    REQUIRE(made);
    CHECK(others.first.join(std::move(made->here)));
    CHECK(others.first.why() == net::reason::none);
    auto again = net::shared_joint::make(4096);
    CHECK(others.first.join(std::move(again->here)).error().value() == EISCONN);
    auto there = net::shared_joint::attach(std::move(made->there));
    REQUIRE(there);
    CHECK(others.second.join(std::move(*there)));
    open(others.first, others.second);
    CHECK(net::shared_joint::make(1000).error() == make_error_code(refusal::wrong_capacity));
}
