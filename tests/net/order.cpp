// Bytes arrive once and in order, whichever way they went, from the first one sent before anybody had a ring.
#include <algorithm>
#include <array>
#include <thread>

#include "../support/caller.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

std::vector<std::size_t> sizes_up_to(std::size_t most) {
    std::vector<std::size_t> sizes;
    for (std::size_t size = 1; size <= most; size *= 2) {
        for (const std::size_t each : {size - 1, size, size + 1}) {
            if (each != 0 && each <= most) {
                sizes.push_back(each);
            }
        }
    }
    return sizes;
}

/// Both sides count the same, and nothing besides what was sent.
void check_figures(const net::stream& from, const net::stream& to, std::uint64_t total) {
    const auto sent = from.stats().sent;
    const auto received = to.stats().received;
    CHECK(sent.bytes_by_ring + sent.bytes_by_tcp == total);
    CHECK(received.bytes_by_ring == sent.bytes_by_ring);
    CHECK(received.bytes_by_tcp == sent.bytes_by_tcp);
}

}  // namespace

TEST_CASE("order: every size arrives whole, before, while and after the ring opens") {
    const watchdog watched{"every size"};
    for (const auto kind : connections()) {
        for (const std::size_t capacity : {std::size_t{1} << 18U, std::size_t{1} << 12U, std::size_t{64}}) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            const auto sizes = sizes_up_to(capacity == 64 ? 1U << 16U : 1U << 20U);
            net::options how;
            how.ring_capacity = capacity;
            auto pair = adopt(connect(kind), how);
            keyed_sender there;
            bool accepted = there.send_all(pair.first, 1000);
            std::thread sender{[&] {
                // Until the ring is open: small ones, so that there are many attempts.
                while (pair.first.route() != splice::route::ring && accepted) {
                    accepted = there.send_all(pair.first, 1 + there.position() % 100);
                }
                for (const std::size_t size : sizes) {
                    accepted = accepted && there.send_all(pair.first, size);
                }
                accepted = accepted && pair.first.shutdown(SHUT_WR);
            }};
            keyed_receiver here;
            auto last = here.receive(pair.second, 1U << 16U);
            while (last.value_or(0) != 0) {
                last = here.receive(pair.second, 1U << 16U);
            }
            sender.join();
            CHECK(last);
            CHECK(accepted);
            CHECK(here.in_order());
            CHECK(here.position() == there.position());
            check_figures(pair.first, pair.second, there.position());
            // It really was the ring, and it really began on the socket.
            CHECK(pair.first.stats().sent.bytes_by_ring > 0);
            CHECK(pair.first.stats().sent.bytes_by_tcp >= 1000);
            CHECK(pair.first.stats().sent.openings == 1);
        }
    }
}

TEST_CASE("order: a ring of one byte carries a stream") {
    const watchdog watched{"a ring of one byte"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 1;
        how.overflow = splice::overflow::never();
        auto pair = on_the_ring(connect(kind), how);
        constexpr std::uint64_t total = 2000;
        bool accepted = false;
        std::thread sender{[&] { accepted = keyed_sender{}.send_all(pair.first, total); }};
        keyed_receiver keyed;
        CHECK(keyed.receive_until(pair.second, total));
        sender.join();
        CHECK(accepted);
        check_figures(pair.first, pair.second, total);
        CHECK(pair.first.stats().sent.bytes_by_ring == total);
    }
}

TEST_CASE("order: bytes under way when the second end is adopted come first") {
    for (const auto kind : connections()) {
        for (const std::size_t under_way : {std::size_t{1}, std::size_t{1000}, std::size_t{100'000}}) {
            CAPTURE(to_string(kind));
            CAPTURE(under_way);
            auto ends = connect(kind);
            auto first = net::stream::adopt(ends.connecting.release());
            keyed_sender there;
            REQUIRE(there.send_all(first, under_way));
            CHECK(first.route() == splice::route::tcp);
            auto second = net::stream::adopt(ends.accepted.release());
            // And some more, after it was adopted and before it knows what is under way.
            REQUIRE(there.send_all(first, 10));
            keyed_receiver here;
            REQUIRE(here.receive(second, 1).value_or(0) == 1);
            REQUIRE(there.send_all(first, 10));
            CHECK(first.route() != splice::route::ring);
            CHECK(here.receive_until(second, under_way + 20));
            open(first, second);
            REQUIRE(there.send_all(first, 1000));
            CHECK(here.receive_until(second, under_way + 1020));
            CHECK(first.stats().sent.bytes_by_ring == 1000);
            CHECK(second.stats().received.bytes_by_ring == 1000);
        }
    }
}

TEST_CASE("order: a connection with a past, and bytes that plain sockets left in it, pairs in the middle of it") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        keyed_sender there;
        keyed_receiver here;
        std::array<std::byte, 500> bytes{};
        const auto history = there.next(1000);
        REQUIRE(::send(ends.connecting.get(), history.data(), history.size(), 0) == 1000);
        REQUIRE(::recv(ends.accepted.get(), bytes.data(), bytes.size(), MSG_WAITALL) == 500);
        here.accept(bytes);
        keyed_sender rest{1000};
        auto pair = adopt(std::move(ends));
        REQUIRE(rest.send_all(pair.first, 100));
        CHECK(here.receive_until(pair.second, 1100));
        open(pair.first, pair.second);
        REQUIRE(rest.send_all(pair.first, 100));
        CHECK(here.receive_until(pair.second, 1200));
        CHECK(pair.second.stats().received.bytes_by_ring == 100);
        CHECK(pair.second.stats().received.bytes_by_tcp == 600);
    }
}

TEST_CASE("order: a stream whose thread sits in the kernel when the other end is adopted gets everything") {
    const watchdog watched{"adopted while the other end waits in the kernel"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto second = net::stream::adopt(ends.accepted.release());
        constexpr std::uint64_t total = 300'000;
        keyed_receiver here;
        bool complete = false;
        std::thread receiver{[&] { complete = here.receive_until(second, total); }};
        auto first = net::stream::adopt(ends.connecting.release());
        keyed_sender there;
        bool accepted = true;
        for (std::size_t size = 1; there.position() != total && accepted; size = size % 999 + 1) {
            accepted = there.send_all(first, std::min<std::uint64_t>(size, total - there.position()));
        }
        receiver.join();
        CHECK(accepted);
        CHECK(complete);
        check_figures(first, second, total);
    }
}

TEST_CASE("order: a stream whose thread sends in the kernel when the other end is adopted loses nothing") {
    const watchdog watched{"adopted while the other end sends in the kernel"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto first = net::stream::adopt(ends.connecting.release());
        constexpr std::size_t much = std::size_t{16} << 20U;  // More than any socket takes.
        keyed_sender there;
        caller<bool> sender{[&] { return there.send_all(first, much) && there.send_all(first, 1000); }};
        CHECK(sender.sleeps());
        auto second = net::stream::adopt(ends.accepted.release());
        keyed_receiver here;
        CHECK(here.receive_until(second, much + 1000));
        CHECK(sender.outcome());
        check_figures(first, second, much + 1000);
    }
}

TEST_CASE("order: both directions at once, one thread for each end's sending and one for its receiving") {
    const watchdog watched{"duplex"};
    for (const auto kind : connections()) {
        for (const std::size_t capacity : {std::size_t{256}, std::size_t{1} << 16U}) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            net::options how;
            how.ring_capacity = capacity;
            auto pair = adopt(connect(kind), how);
            constexpr std::uint64_t total = 1'000'000;
            constexpr std::uint64_t other = std::uint64_t{1} << 40U;
            std::array<bool, 2> accepted{};
            std::array<bool, 2> right{};
            const auto send = [&](net::stream& by, std::uint64_t start) {
                keyed_sender keyed{start};
                bool all = true;
                for (std::size_t size = 1; keyed.position() != start + total && all; size = size * 3 % 9973) {
                    all = keyed.send_all(by, std::min<std::uint64_t>(size, start + total - keyed.position()));
                }
                return all && by.shutdown(SHUT_WR);
            };
            const auto receive = [&](net::stream& by, std::uint64_t start) {
                keyed_receiver keyed{start};
                return keyed.receive_until(by, start + total, 4096) && keyed.receive(by, 1).value_or(1) == 0;
            };
            std::thread threads[] = {std::thread{[&] { accepted[0] = send(pair.first, 0); }},
                                     std::thread{[&] { accepted[1] = send(pair.second, other); }},
                                     std::thread{[&] { right[0] = receive(pair.second, 0); }}};
            right[1] = receive(pair.first, other);
            for (auto& thread : threads) {
                thread.join();
            }
            CHECK(accepted == std::array{true, true});
            CHECK(right == std::array{true, true});
            check_figures(pair.first, pair.second, total);
            check_figures(pair.second, pair.first, total);
        }
    }
}

TEST_CASE("order: what did not fit into the ring comes behind what did, and what follows behind that") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 16;
        how.overflow = splice::overflow::on_full();
        auto pair = on_the_ring(connect(kind), how);
        keyed_sender there;
        keyed_receiver here;
        for (std::size_t round = 1; round != 200; ++round) {
            REQUIRE(there.send_all(pair.first, 1 + round % 40));
            REQUIRE(there.send_all(pair.first, 1 + round % 7));
            REQUIRE(here.receive_until(pair.second, there.position() - round % 5, 1 + round % 23));
        }
        CHECK(here.receive_until(pair.second, there.position()));
        const auto sent = pair.first.stats().sent;
        CHECK(sent.spills > 10);
        CHECK(sent.returns > 10);
        check_figures(pair.first, pair.second, there.position());
    }
}
