// What can be asked of a socket about its bytes and its error, asked of a stream: available(), unsent(), error(), and
// the low-water mark.
#include <array>
#include <string_view>
#include <thread>

#include "../support/caller.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr auto streams = {equipment::one, equipment::unopened, equipment::ring, equipment::tiny_ring};

void check_as_plain(std::string_view script, bool tcp_only = false) {
    for (const auto kind : connections()) {
        if (tcp_only && !is_tcp(kind)) {
            continue;
        }
        const auto as_plain = run_script(script, kind, equipment::plain);
        for (const auto with : streams) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            CHECK(run_script(script, kind, with) == as_plain);
        }
    }
}

}  // namespace

TEST_CASE("counts: available() is what recv() would give, from the ring and from the socket") {
    check_as_plain("b available; a send 10; a arrives; b available; b peek 3; b available; b recv 4; b available");
    check_as_plain("a send 3; a send 1000; a arrives; b available; b recv 1000; b available; b recv 3; b available");
    check_as_plain("a send 5; a close; b sees_fin; b available; b recv 5; b recv 1; b available");
    check_as_plain("a close; b sees_fin; b available; b close; b available");
}

TEST_CASE("counts: unsent() tells what the other end has not received from the ring, and SIOCOUTQ of the rest") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 64;
        how.overflow = splice::overflow::on_full();
        auto pair = on_the_ring(connect(kind), how);
        std::array<std::byte, 64> bytes{};
        CHECK(pair.first.unsent().value_or(1) == 0);
        CHECK(pair.first.send(std::span{bytes}.first(40)).value_or(0) == 40);
        CHECK(pair.first.unsent().value_or(0) == 40);
        CHECK(pair.second.unsent().value_or(1) == 0);
        CHECK(pair.second.recv(std::span{bytes}.first(30)).value_or(0) == 30);
        CHECK(pair.first.unsent().value_or(0) == 10);
        CHECK(pair.first.send(bytes).value_or(0) == 64);
        CHECK(pair.first.unsent().value_or(0) >= 64);  // And what TCP has not acknowledged.
        CHECK(pair.second.recv(bytes, MSG_WAITALL).value_or(0) == 64);
        CHECK(pair.second.recv(std::span{bytes}.first(10), MSG_WAITALL).value_or(0) == 10);
        while (pair.first.unsent().value_or(1) != 0) {  // Until it was acknowledged.
            std::this_thread::yield();
        }
    }
}

TEST_CASE("counts: error() tells an error once, if no call has") {
    const watchdog watched{"error()"};
    check_as_plain("a error; a send 10; a arrives; a error; b close; a sees_end; a error; a error; a recv 1; a send 1");
    check_as_plain("a send 10; a arrives; b close; a sees_end; a recv 1; a error; a recv 1; a error");
    check_as_plain("b close; a sees_fin; a error; a send 1; a sees_end; a error; a error");
    check_as_plain("a close; a error; b sees_fin; b error");
}

TEST_CASE("counts: an error found behind bytes is the next call's, or error()'s") {
    check_as_plain(
        "b send 6; b arrives; a send 10; a arrives; b close; a sees_end; a recv_all 100; a error; a error; a recv 1",
        true);
    check_as_plain(
        "b send 6; b arrives; a send 10; a arrives; b close; a sees_end; a recv_all 100; a recv 1; a error; a recv 1",
        true);
    check_as_plain(
        "b send 6; b arrives; a send 10; a arrives; b close; a sees_end; a peek 100; a recv 6; a recv 1; a recv 1",
        true);
}

TEST_CASE("counts: a recv that waits waits for the low-water mark") {
    const watchdog watched{"SO_RCVLOWAT"};
    check_as_plain(
        "b low_water 5; a send 10; a arrives; b recv_once 7; b recv_once 3; b low_water 1; a send 1; b recv 1");
    check_as_plain("b low_water 5; a send 3; a close; b sees_fin; b recv_once 100; b recv_once 100");
    check_as_plain("b low_water 5; b recv_limit 20; a send 3; a arrives; b recv_once 100; b recv_once 2");
    check_as_plain("b low_water 100; a send 3; a arrives; b recv_once 3; a send 3; a arrives; b try_recv 3");
    for (const auto kind : connections()) {
        for (const auto with : {equipment::plain, equipment::one, equipment::unopened, equipment::ring}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                CHECK(b.set_low_water(25));
                std::array<std::byte, 100> to{};
                caller<std::string> sleeper{[&] { return told(b.recv(to)); }};
                for (int i = 0; i != 3; ++i) {
                    CHECK(sleeper.sleeps());
                    CHECK(told(a.send(std::array<std::byte, 10>{})) == "10");
                }
                CHECK(sleeper.outcome() == "30");
            });
        }
    }
}

TEST_CASE("counts: a mark that was set before there was a ring is kept, and the stream opens all the same") {
    const watchdog watched{"SO_RCVLOWAT before the ring"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        set_option(ends.accepted.get(), SOL_SOCKET, SO_RCVLOWAT, 20);
        auto pair = on_the_ring(std::move(ends));
        std::array<std::byte, 30> bytes{};
        caller<std::string> sleeper{[&] { return told(pair.second.recv(bytes)); }};
        CHECK(sleeper.sleeps());
        CHECK(told(pair.first.send(std::span{bytes}.first(15))) == "15");
        CHECK(sleeper.sleeps());
        CHECK(told(pair.first.send(std::span{bytes}.first(15))) == "15");
        CHECK(sleeper.outcome() == "30");
        CHECK(pair.second.stats().received.bytes_by_ring == 30);
        CHECK_FALSE(pair.second.set_low_water(0));
    }
}

TEST_CASE("counts: a mark hides no byte that went by the socket because the ring was full") {
    const watchdog watched{"a mark, and a spill"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        set_option(ends.accepted.get(), SOL_SOCKET, SO_RCVLOWAT, 20);
        net::options how;
        how.ring_capacity = 16;
        how.overflow = splice::overflow::on_full();
        auto pair = on_the_ring(std::move(ends), how);
        std::array<std::byte, 30> bytes{};
        CHECK(told(pair.first.send(std::span{bytes}.first(20))) == "20");
        CHECK(told(pair.second.recv(bytes)) == "20");
        CHECK(pair.second.stats().received.bytes_by_tcp == 4);
    }
}
