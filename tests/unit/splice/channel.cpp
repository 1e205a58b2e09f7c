#include <ferrule/splice/channel.hpp>
// The header under test comes first: it must stand alone.
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/dies.hpp"
#include "../../support/spliced_pair.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;
using splice::overflow;
using splice::route;

namespace {

using pair = spliced_pair<scripted>;
constexpr auto at_once = pair::channel::at_once;

/// Both endpoints, who says what in which direction, and a clock that moves when there is nothing else to do.
struct conversation : pair {
    explicit conversation(std::size_t capacity, splice::behaviour how = deterministic(), windows tcp = {})
        : pair{capacity, how, tcp} {
        wire.while_asleep = [this](time_point deadline) {
            if (meanwhile && meanwhile()) {
                return true;
            }
            if (deadline != time_point::max()) {
                scripted::time = deadline;
            }
            return false;
        };
    }

    /// What somebody else does while a call sleeps; true if it did anything.
    std::function<bool()> meanwhile = nullptr;

    talker<channel> from_a{&a};
    listener<channel> at_b{&b};
    talker<channel> from_b{&b};
    listener<channel> at_a{&a};

    /// Everything that was sent from a to b has arrived there, once and in order.
    [[nodiscard]] bool all_arrived() {
        at_b.drain();
        return at_b.received == from_a.sent && at_b.wrong == 0;
    }
    [[nodiscard]] bool opened() {
        offer();
        return open_ring(from_a, at_b);
    }
    [[nodiscard]] bool opened_both_ways() { return opened() && open_ring(from_b, at_a); }
};

[[nodiscard]] auto after(std::chrono::nanoseconds d) { return scripted::time + d; }

}  // namespace

TEST_CASE("channel: without rings every call is the plain one") {
    conversation c{16};
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(c.wire.last_mode(0) == blocking::yes);
    CHECK(c.from_a.send(4) == 4);
    CHECK(c.wire.last_mode(0) == blocking::no);
    CHECK(c.wire.calls(0) == 2);
    CHECK(c.at_b.receive(3, no_deadline) == 3);
    CHECK(c.wire.last_mode(1) == blocking::yes);
    CHECK(c.at_b.receive() == 5);
    CHECK(c.wire.last_mode(1) == blocking::no);
    CHECK(c.wire.calls(1) == 2);
    CHECK(c.at_b.receive() == 0);
    CHECK(c.at_b.error == EAGAIN);
    CHECK(c.wire.calls(1) == 3);
    CHECK(static_cast<bool>(c.a.finish_sending()));
    CHECK(c.wire.calls(0) == 3);
    CHECK(c.at_b.receive() == 0);
    CHECK(c.at_b.ended);
    CHECK(static_cast<bool>(c.b.stop_receiving()));
    c.a.close();
    CHECK(c.wire.calls(0) == 4);
    CHECK(c.wire.closed(0) == farewell::orderly);
    CHECK(c.wire.calls(1) == 5);
    CHECK(c.at_b.wrong == 0);
}

TEST_CASE("channel: without rings a call that fails tells the plain error") {
    conversation c{16};
    c.wire.cut(ETIMEDOUT);
    CHECK(c.from_a.send(1, no_deadline) == 0);
    CHECK(c.from_a.error == ETIMEDOUT);
    CHECK(c.from_a.send(1, no_deadline) == 0);
    CHECK(c.from_a.error == EPIPE);
    CHECK(c.at_b.receive(1, no_deadline) == 0);
    CHECK(c.at_b.error == ETIMEDOUT);
    CHECK(c.at_b.receive(1, no_deadline) == 0);
    CHECK(c.at_b.ended);
}

TEST_CASE("channel: without rings a deadline ends a call, and a wait for it is one") {
    conversation c{16, deterministic(), {.send = 8, .receive = 8}};
    auto deadline = after(1s);
    CHECK(c.at_b.receive(1, deadline) == 0);
    CHECK(c.at_b.error == EAGAIN);
    CHECK(scripted::time == deadline);
    CHECK(c.wire.calls(1, operation::park) == 1);
    CHECK(c.from_a.send(16) == 8);
    CHECK(c.from_a.send(8) == 8);
    CHECK(c.from_a.send(8) == 0);
    deadline = after(1s);
    CHECK(c.from_a.send(1, deadline) == 0);
    CHECK(c.from_a.error == EAGAIN);
    CHECK(scripted::time == deadline);
}

TEST_CASE("channel: without rings, too, all is sent that can be until the deadline") {
    conversation c{16, deterministic(), {.send = 8, .receive = 8}};
    c.meanwhile = [&] { return c.at_b.drain() != 0; };
    CHECK(c.from_a.send(100, after(1s)) == 100);
    CHECK(c.all_arrived());
    c.meanwhile = nullptr;
    const auto deadline = after(1s);
    CHECK(c.from_a.send(100, deadline) == 16);
    CHECK(scripted::time == deadline);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: without rings an error met after some bytes is told by the next call") {
    for (const bool offered : {false, true}) {
        conversation c{16, deterministic(), {.send = 8, .receive = 8}};
        c.meanwhile = [&] { return c.wire.cut(ETIMEDOUT), true; };
        CHECK(c.from_a.send(20, after(1s)) == 16);
        if (offered) {
            c.offer();
        }
        CHECK(c.from_a.send(20, after(1s)) == 0);
        CHECK(c.from_a.error == ETIMEDOUT);
        CHECK(c.from_a.send(20, after(1s)) == 0);
        CHECK(c.from_a.error == EPIPE);
    }
}

TEST_CASE("channel: a direction opens in mid-life, with whatever is under way in TCP") {
    for (const std::size_t unread : {0U, 1U, 7U, 30U}) {
        CAPTURE(unread);
        conversation c{16};
        CHECK(c.from_a.send(20 + unread) == 20 + unread);
        CHECK(c.at_b.receive(20) == 20);
        c.offer();
        CHECK(c.a.sends_by() == route::tcp);
        c.meanwhile = [&] { return c.at_b.receive(3) != 0; };
        c.at_b.receive(1);
        while (c.from_a.sent != 200) {
            (void)c.from_a.send(10 - c.from_a.sent % 10, no_deadline);
        }
        CHECK(c.a.sends_by() == route::ring);
        CHECK(c.a.counts().sent.bytes_by_ring > 100);
        CHECK(c.all_arrived());
    }
}

TEST_CASE("channel: it opens between two that never wait") {
    conversation c{16};
    c.offer();
    for (int i = 0; i != 4; ++i) {
        CHECK(c.from_a.send(4) == 4);
        c.at_b.drain();
    }
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
    CHECK(c.wire.calls(0, operation::park) == 0);
    CHECK(c.wire.calls(1, operation::park) == 0);
}

TEST_CASE("channel: no ring before the receiver looks at it, and nobody waits for that") {
    conversation c{16};
    c.a.offer(c.rings.seat_of(splice::side::first));
    const auto begun = scripted::time;
    for (int i = 0; i != 4; ++i) {
        CHECK(c.from_a.send(4, no_deadline) == 4);
    }
    CHECK(c.a.sends_by() == route::pairing);
    CHECK(c.a.counts().sent.flushes == 0);
    CHECK(scripted::time == begun);
    CHECK(c.wire.calls(0, operation::park) == 0);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: no flush begins while anything is unacknowledged") {
    conversation c{16, deterministic(), {.how = delivery::by_hand}};
    c.offer();
    c.at_b.drain();
    CHECK(c.from_a.send(4) == 4);
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(c.a.counts().sent.flushes == 0);
    c.wire.deliver(0);
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(c.a.counts().sent.flushes == 0);
    c.wire.deliver(0);
    c.wire.acknowledge(0);
    c.meanwhile = [&] { return c.at_b.drain() != 0; };
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(c.a.counts().sent.flushes == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a writer waits for the answer to its flush as long as it has patience, and then goes by TCP") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    const auto begun = scripted::time;
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(scripted::time == begun + 500us);
    CHECK(c.a.sends_by() == route::pairing);
    const auto counts = c.a.counts().sent;
    CHECK(counts.flushes >= 1);
    CHECK(counts.openings == 0);
    CHECK(counts.bytes_by_tcp == 4);
    CHECK(counts.sleeps == 1);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a reader that does not agree in time is waited for less and less") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    int waited = 0;
    for (int i = 0; i != 2000; ++i) {
        const auto begun = scripted::time;
        CHECK(c.from_a.send(1, no_deadline) == 1);
        waited += scripted::time != begun ? 1 : 0;
        (void)c.wire.first.unacknowledged();
        std::array<std::byte, 8> dropped{};
        (void)c.wire.second.receive(dropped, blocking::no);  // Somebody takes it, and answers nothing.
    }
    CHECK(waited > 2);
    CHECK(waited < 20);
}

TEST_CASE("channel: a writer that never finds everything acknowledged pauses now and then, as long as that helps") {
    constexpr std::size_t message = 4096;
    constexpr std::size_t before_pause = (std::size_t{1} << 20U) / message;
    conversation c{
        16, deterministic(), {.send = std::size_t{4} << 20U, .receive = 2 * message, .how = delivery::by_hand}};
    CHECK(c.from_a.send(message, no_deadline) == message);
    c.wire.deliver(0);
    c.at_b.drain();
    c.offer();
    c.at_b.drain();
    const auto send = [&] {
        CHECK(c.from_a.send(message, no_deadline) == message);
        c.wire.deliver(0);
        if (!c.meanwhile) {
            c.at_b.drain();  // Never acknowledged before there is more.
        }
    };
    for (std::size_t i = 0; i != before_pause; ++i) {
        send();
    }
    CHECK(c.wire.calls(0, operation::park) == 0);
    // In vain: it goes on after what it was told to be patient for, and then does without for twice as long.
    const auto begun = scripted::time;
    send();
    CHECK(scripted::time - begun == 500us);
    CHECK(c.a.counts().sent.flushes == 0);
    for (std::size_t i = 0; i != 2 * before_pause - 1; ++i) {
        send();
    }
    CHECK(scripted::time - begun == 500us);
    // With an acknowledgement on the way: the ring.
    int to_do = 2;  // What it pauses for, and what it then waits for.
    c.meanwhile = [&] {
        c.wire.acknowledge(0);
        return c.at_b.drain() != 0 || to_do-- > 0;
    };
    send();
    CHECK(c.a.counts().sent.flushes == 1);
    CHECK(c.a.counts().sent.openings == 1);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a transport that cannot tell what is unacknowledged keeps to TCP") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    c.wire.plan = {fault::refused, operation::unacknowledged, 1, ENOTTY, true};
    for (int i = 0; i != 5; ++i) {
        CHECK(c.from_a.send(1, no_deadline) == 1);
    }
    CHECK(c.a.counts().sent.flushes == 0);
    CHECK(c.from_a.errors == 0);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: once the ring is open, sends that fit make no call at all, and what they carry is by the ring") {
    conversation c{16};
    REQUIRE(c.opened());
    const auto calls = c.wire.calls(0);
    const auto before = c.a.counts().sent;
    for (int i = 0; i != 100; ++i) {
        CHECK(c.from_a.send(16) == 16);
        CHECK(c.at_b.receive(9) + c.at_b.receive(16) == 16);
    }
    CHECK(c.wire.calls(0) == calls);
    const auto after = c.a.counts().sent;
    CHECK(after.bytes_by_ring - before.bytes_by_ring == 1600);
    CHECK(after.bytes_by_tcp == before.bytes_by_tcp);
    CHECK(c.at_b.wrong == 0);
}

TEST_CASE("channel: the two directions go each their own way, and say so") {
    conversation c{16};
    REQUIRE(c.opened());
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.b.sends_by() == route::tcp);
    c.wire.plan = {};
    CHECK(c.from_b.send(5) == 5);
    CHECK(c.b.sends_by() == route::pairing);
    CHECK(c.at_a.drain() == 5);
    const auto a = c.a.counts();
    const auto b = c.b.counts();
    CHECK(a.sent.bytes_by_ring + a.sent.bytes_by_tcp == c.from_a.sent);
    CHECK(b.received.bytes_by_ring == a.sent.bytes_by_ring);
    CHECK(b.received.bytes_by_tcp == a.sent.bytes_by_tcp);
    CHECK(b.sent.bytes_by_tcp == 5);
    CHECK(b.sent.bytes_by_ring == 0);
    CHECK(a.received.bytes_by_tcp == 5);
    CHECK(a.received.bytes_by_ring == 0);
    REQUIRE(open_ring(c.from_b, c.at_a));
    CHECK(c.b.sends_by() == route::ring);
    CHECK(c.at_a.wrong == 0);
}

TEST_CASE("channel: counts say how often it was called, slept, flushed, opened, spilled and came back") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    const auto zero = c.a.counts().sent;
    CHECK(zero.openings == 1);
    CHECK(zero.flushes >= 1);
    CHECK(zero.spills == 0);
    CHECK(zero.returns == 0);
    CHECK(c.from_a.send(20) == 20);
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.counts().sent.spills == 1);
    CHECK(c.a.counts().sent.calls == zero.calls + 2);
    CHECK(c.a.counts().sent.returns == 0);
    CHECK(c.a.sends_by() == route::mixed);
    CHECK(c.all_arrived());
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.a.counts().sent.returns == 1);
    CHECK(c.a.counts().sent.openings == 1);
    CHECK(c.a.counts().sent.sleeps == zero.sleeps);
    CHECK(c.all_arrived());
    const auto calls = c.b.counts().received.calls;
    CHECK(c.at_b.receive(1, after(1s)) == 0);
    CHECK(c.b.counts().received.calls == calls + 1);
    CHECK(c.b.counts().received.sleeps == 1);
}

TEST_CASE("channel: never waits for room as long as it takes, and nothing goes by TCP") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    const auto by_tcp = c.a.counts().sent.bytes_by_tcp;
    const auto deadline = after(1h);
    CHECK(c.from_a.send(40, deadline) == 16);
    CHECK(scripted::time == deadline);
    CHECK(c.from_a.send(1, after(1h)) == 0);
    CHECK(c.from_a.error == EAGAIN);
    CHECK(c.from_a.send(1) == 0);
    CHECK(c.from_a.error == EAGAIN);
    c.meanwhile = [&] { return c.at_b.receive(3) != 0; };
    CHECK(c.from_a.send(400, no_deadline) == 400);
    CHECK(c.a.counts().sent.bytes_by_tcp == by_tcp);
    CHECK(c.a.counts().sent.spills == 0);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: on_full goes by TCP at once") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    const auto before = c.a.counts().sent;
    const auto begun = scripted::time;
    CHECK(c.from_a.send(40, no_deadline) == 40);
    CHECK(scripted::time == begun);
    CHECK(c.a.counts().sent.bytes_by_ring - before.bytes_by_ring == 16);
    CHECK(c.a.counts().sent.bytes_by_tcp - before.bytes_by_tcp == 24);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: on_stall goes by TCP once the reader has stood still that long, and not before") {
    conversation c{16, deterministic(overflow::on_stall(20ms))};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(30, after(20ms - 1ns)) == 16);
    CHECK(c.a.counts().sent.spills == 0);
    CHECK(c.all_arrived());
    const auto begun = scripted::time;
    CHECK(c.from_a.send(30, no_deadline) == 30);
    CHECK(scripted::time == begun + 20ms);
    CHECK(c.a.counts().sent.spills == 1);
    CHECK(c.a.sends_by() == route::mixed);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: under on_stall a reader that moves, however little, is no stall") {
    conversation c{16, deterministic(overflow::on_stall(20ms))};
    REQUIRE(c.opened());
    c.meanwhile = [&] {
        scripted::time += 19ms;
        (void)c.at_b.receive(1);
        return true;
    };
    CHECK(c.from_a.send(60, no_deadline) == 60);
    CHECK(c.a.counts().sent.spills == 0);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a call that must not wait spills at once rather than not at all") {
    conversation c{16, deterministic(overflow::on_stall(20ms))};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(30) == 30);
    CHECK(c.a.counts().sent.spills == 1);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: after a spill the writer waits for the reader rather than feed TCP") {
    for (const auto how : {overflow::on_full(), overflow::on_stall(20ms)}) {
        conversation c{16, deterministic(how)};
        REQUIRE(c.opened());
        CHECK(c.from_a.send(20) == 20);
        REQUIRE(c.a.sends_by() == route::mixed);
        const auto by_tcp = c.a.counts().sent.bytes_by_tcp;
        // Stops short of all there is for as long as it can.
        c.meanwhile = [&] {
            scripted::time += how.feed_after() / 2;
            return c.at_b.receive(2) != 0;
        };
        CHECK(c.from_a.send(10, no_deadline) == 10);
        CHECK(c.a.counts().sent.bytes_by_tcp == by_tcp);
        CHECK(c.a.counts().sent.returns == 1);
        CHECK(c.a.sends_by() == route::ring);
        CHECK(c.all_arrived());
    }
}

TEST_CASE("channel: after a spill, too, a reader that stands still is waited for a bounded time") {
    for (const auto how : {overflow::on_full(), overflow::on_stall(20ms), overflow::on_stall(10s)}) {
        conversation c{16, deterministic(how)};
        REQUIRE(c.opened());
        CHECK(c.from_a.send(20) == 20);
        const auto begun = scripted::time;
        CHECK(c.from_a.send(5, no_deadline) == 5);
        CHECK(scripted::time == begun + how.feed_after());
        CHECK(c.a.counts().sent.spills == 1);
        CHECK(c.all_arrived());
        CHECK(c.from_a.send(5, no_deadline) == 5);
        CHECK(c.a.sends_by() == route::ring);
        CHECK(c.all_arrived());
    }
}

TEST_CASE("channel: a spill that was taken before its writer looked again came back, too") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(16) == 16);
    const auto sends = c.wire.calls(0, operation::send);
    const auto read_as_soon_as_spilled = [&](const shared_access&, std::uint64_t value) {
        if (c.wire.calls(0, operation::send) != sends) {
            c.at_b.drain();
        }
        return value;
    };
    CHECK(scripted::with(read_as_soon_as_spilled, [&] { return c.from_a.send(4); }) == 4);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.a.counts().sent.spills == 1);
    CHECK(c.a.counts().sent.returns == 1);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a writer that waits for what it spilled is woken when it was taken") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(20) == 20);
    const auto begun = scripted::time;
    c.meanwhile = [&] { return c.at_b.drain() != 0; };  // And time does not pass.
    CHECK(c.from_a.send(5, no_deadline) == 5);
    CHECK(scripted::time == begun);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: the ring is not used again before the last byte was taken from TCP") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(20) == 20);
    CHECK(c.at_b.receive(16) == 16);
    for (int i = 0; i != 3; ++i) {
        CHECK(c.from_a.send(1) == 1);
        CHECK(c.a.sends_by() == route::mixed);
        CHECK(c.at_b.receive(1) == 1);
    }
    CHECK(c.at_b.receive(3) == 3);
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::mixed);
    CHECK(c.all_arrived());
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a spill that finds TCP full waits for either, and goes by whichever comes first") {
    conversation c{8, deterministic(overflow::on_full()), {.send = 4, .receive = 4}};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(40) == 16);
    CHECK(c.from_a.send(40) == 0);
    CHECK(c.from_a.error == EAGAIN);
    const auto deadline = after(1s);
    CHECK(c.from_a.send(40, deadline) == 0);
    CHECK(scripted::time == deadline);
    c.meanwhile = [&] { return c.at_b.receive(3) != 0; };
    CHECK(c.from_a.send(200, no_deadline) == 200);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a writer that has nothing but TCP is woken when there is room in it") {
    conversation c{16, deterministic(), {.send = 8, .receive = 8}};
    c.a.offer(c.rings.seat_of(splice::side::first));
    const auto begun = scripted::time;
    c.meanwhile = [&] { return c.at_b.receive(4) != 0; };  // b has no ring, and never will.
    CHECK(c.from_a.send(100, no_deadline) == 100);
    CHECK(c.from_a.send(50, after(1s)) == 50);
    CHECK(scripted::time == begun);
    CHECK(c.a.counts().sent.bytes_by_tcp == 150);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: two that both write before they read get as far as plain TCP would let them") {
    for (const auto how : {overflow::on_full(), overflow::on_stall(20ms)}) {
        conversation c{16, deterministic(how), {.send = 128, .receive = 128}};
        REQUIRE(c.opened_both_ways());
        CHECK(c.from_a.send(128, no_deadline) == 128);
        CHECK(c.from_b.send(128, no_deadline) == 128);
        CHECK(c.all_arrived());
        CHECK(c.at_a.drain() == 128);
        CHECK(c.at_a.wrong == 0);
    }
}

TEST_CASE("channel: under never they wait for each other") {
    conversation c{16, deterministic(overflow::never()), {.send = 128, .receive = 128}};
    REQUIRE(c.opened_both_ways());
    c.meanwhile = [&] { return c.from_b.send(128) != 0; };
    CHECK(c.from_a.send(128, after(1h)) == 16);
    CHECK(c.from_b.send(128) == 0);
}

TEST_CASE("channel: at_once never waits, whatever there is to wait for") {
    conversation c{16, deterministic(), {.send = 8, .receive = 8}};
    const auto begun = scripted::time;
    std::size_t routes = 0;
    const auto everything = [&](std::size_t n) {
        c.from_a.send(n);
        routes |= std::size_t{1} << static_cast<unsigned>(c.a.sends_by());
        c.at_b.receive(n);
        c.from_b.send(n);
        c.at_a.receive(n);
    };
    everything(40);
    c.offer();
    for (int i = 0; i != 200; ++i) {
        everything(i % 40 == 0 ? 40 : 1);
        if (i % 40 > 4) {
            c.at_b.drain();
            c.at_a.drain();
        }
    }
    CHECK(routes == 0b1111);
    CHECK(static_cast<bool>(c.a.finish_sending()));
    everything(40);
    CHECK(c.wire.calls(0, operation::park) + c.wire.calls(1, operation::park) == 0);
    CHECK(scripted::time == begun);
    CHECK(c.at_a.wrong + c.at_b.wrong == 0);
}

TEST_CASE("channel: a deadline ends a receive, and one that has passed is as good as at_once") {
    conversation c{16};
    REQUIRE(c.opened());
    const auto deadline = after(1s);
    CHECK(c.at_b.receive(1, deadline) == 0);
    CHECK(c.at_b.error == EAGAIN);
    CHECK(scripted::time == deadline);
    const auto parks = c.wire.calls(1, operation::park);
    CHECK(c.at_b.receive(1, scripted::time) == 0);
    CHECK(c.at_b.receive(1, scripted::time - 1s) == 0);
    CHECK(c.wire.calls(1, operation::park) == parks);
    CHECK(scripted::time == deadline);
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.at_b.receive(1, scripted::time - 1s) == 1);
}

TEST_CASE("channel: a reader asleep is woken by the ring, by TCP, and by the end") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    c.meanwhile = [&] { return c.from_a.send(3) == 3; };
    CHECK(c.at_b.receive(8, no_deadline) == 3);
    c.meanwhile = [&] { return c.wire.plan = {}, c.from_a.send(20) == 20; };
    CHECK(c.at_b.receive(64, no_deadline) == 16);
    CHECK(c.at_b.receive(64, no_deadline) == 4);
    CHECK(c.from_a.send(17) == 17);
    CHECK(c.at_b.receive(16) == 16);
    CHECK(c.at_b.receive(16) == 1);
    CHECK(c.from_a.send(17) == 17);
    CHECK(c.at_b.drain() == 17);
    c.meanwhile = [&] { return static_cast<bool>(c.a.finish_sending()); };
    CHECK(c.at_b.receive(64, no_deadline) == 0);
    CHECK(c.at_b.ended);
    CHECK(c.at_b.wrong == 0);
}

TEST_CASE("channel: a writer that waits for the answer to its flush is woken by it") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    bool answered = false;
    c.meanwhile = [&] {
        c.at_b.drain();
        return !std::exchange(answered, true);
    };
    const auto begun = scripted::time;
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(scripted::time == begun);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a reader asleep answers a flush") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    bool once = false;
    // A send that cannot wait leaves its flush behind, which wakes the reader; the next finds the answer.
    c.meanwhile = [&] { return !std::exchange(once, true) && c.from_a.send(1) == 1; };
    CHECK(c.at_b.receive(1, no_deadline) == 1);
    once = false;
    CHECK(c.at_b.receive(1, after(1s)) == 1);
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: nothing is nothing, whichever way") {
    conversation c{16};
    CHECK(c.a.send({}, at_once).value_or(1) == 0);
    REQUIRE(c.opened());
    CHECK(c.a.send({}, no_deadline).value_or(1) == 0);
    CHECK(c.b.receive({}, no_deadline).value_or(1) == 0);
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.b.receive({}, no_deadline).value_or(1) == 0);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: the end comes after every byte, wherever they are, and comes again") {
    for (std::size_t n = 0; n != 40; ++n) {
        for (const std::size_t read_first : {0U, 5U, 30U}) {
            CAPTURE(n);
            conversation c{16, deterministic(overflow::on_full())};
            REQUIRE(c.opened());
            CHECK(c.from_a.send(n) == n);
            c.at_b.receive(read_first);
            CHECK(static_cast<bool>(c.a.finish_sending()));
            CHECK(c.a.sends_by() == route::tcp);
            while (!c.at_b.ended && c.at_b.receive(7, no_deadline) != 0) {
            }
            CHECK(c.at_b.ended);
            CHECK(c.at_b.received == c.from_a.sent);
            CHECK(c.at_b.wrong == 0);
            CHECK(c.at_b.receive(7, no_deadline) == 0);
            CHECK(c.at_b.errors == 0);
            CHECK(c.from_a.send(1) == 0);
            CHECK(c.from_a.error == EPIPE);
        }
    }
}

TEST_CASE("channel: each direction is ended for itself") {
    for (const bool b_slept : {false, true}) {
        conversation c{16, deterministic(overflow::on_full())};
        REQUIRE(c.opened_both_ways());
        CHECK(static_cast<bool>(c.a.finish_sending()));
        CHECK(c.at_b.receive(1, no_deadline) == 0);
        CHECK(c.at_b.ended);
        const auto by_tcp = c.b.counts().sent.bytes_by_tcp;
        for (int i = 0; i != 10; ++i) {
            CHECK(c.from_b.send(16, b_slept ? no_deadline : at_once) == 16);
            CHECK(c.at_a.receive(16, no_deadline) == 16);
        }
        CHECK(c.b.counts().sent.bytes_by_tcp == by_tcp);
        CHECK(c.from_b.send(20) == 20);
        c.meanwhile = [&] { return c.at_a.drain() != 0; };
        CHECK(c.from_b.send(10, no_deadline) == 10);
        CHECK(c.b.sends_by() == route::ring);
        CHECK(static_cast<bool>(c.b.finish_sending()));
        c.at_a.drain();
        CHECK(c.at_a.received == c.from_b.sent);
        CHECK(c.at_a.ended);
        CHECK(c.at_a.wrong == 0);
    }
}

TEST_CASE("channel: a half-close by who never sent is not taken for a death") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    REQUIRE(c.b.sends_by() == route::tcp);
    CHECK(static_cast<bool>(c.b.finish_sending()));
    CHECK(c.at_a.receive(1, no_deadline) == 0);
    CHECK(c.at_a.ended);
    c.meanwhile = [&] { return c.at_b.receive(4) != 0; };
    CHECK(c.from_a.send(40, no_deadline) == 40);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a writer asleep that the reader's half-close reaches goes on sleeping, and by the ring") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    int step = 0;
    c.meanwhile = [&] {
        switch (step++) {
            case 0:
                return static_cast<bool>(c.b.finish_sending());
            default:
                return c.at_b.receive(4) != 0;
        }
    };
    CHECK(c.from_a.send(40, no_deadline) == 40);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: having stopped to receive is not taken for the peer's death") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    CHECK(static_cast<bool>(c.a.stop_receiving()));
    c.meanwhile = [&] { return c.at_b.receive(4) != 0; };
    CHECK(c.from_a.send(40, no_deadline) == 40);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
    CHECK(c.from_b.send(3) == 3);
    CHECK(c.at_a.drain() == 3);  // What has arrived can still be received.
    CHECK(c.at_a.ended);
    CHECK(c.at_a.wrong == 0);
}

TEST_CASE("channel: an error comes after every byte, and once") {
    for (const std::size_t n : {0U, 7U, 16U, 30U}) {
        CAPTURE(n);
        conversation c{16, deterministic(overflow::on_full())};
        REQUIRE(c.opened());
        CHECK(c.from_a.send(n) == n);
        c.wire.cut(ETIMEDOUT);
        while (c.at_b.errors == 0 && c.at_b.receive(5, no_deadline) != 0) {
        }
        CHECK(c.at_b.error == ETIMEDOUT);
        CHECK(c.at_b.received == c.from_a.sent);
        CHECK(c.at_b.wrong == 0);
        CHECK(c.at_b.receive(5, no_deadline) == 0);
        CHECK(c.at_b.errors == 1);
        CHECK(c.at_b.ended);
    }
}

TEST_CASE("channel: a writer asleep learns that the connection is no more, once, and then as from TCP") {
    for (const auto how : {overflow::never(), overflow::on_full()}) {
        conversation c{16, deterministic(how), {.send = 4, .receive = 4}};
        REQUIRE(c.opened());
        c.meanwhile = [&] { return c.wire.cut(ETIMEDOUT), true; };
        CHECK(c.from_a.send(100, no_deadline) >= 16);
        CHECK(c.from_a.errors == 0);
        CHECK(c.from_a.send(1, no_deadline) == 0);
        CHECK(c.from_a.error == ETIMEDOUT);
        CHECK(c.from_a.send(1, no_deadline) == 0);
        CHECK(c.from_a.error == EPIPE);
    }
}

TEST_CASE("channel: so does one whose peer had sent its last") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    CHECK(static_cast<bool>(c.b.finish_sending()));
    bool once = false;
    c.meanwhile = [&] { return c.wire.cut(ETIMEDOUT), !std::exchange(once, true); };
    CHECK(c.from_a.send(100, after(1h)) == 16);
    CHECK(c.from_a.send(1, no_deadline) == 0);
    CHECK(c.from_a.error == ETIMEDOUT);
    CHECK(c.from_a.send(1, no_deadline) == 0);
    CHECK(c.from_a.error == EPIPE);
    CHECK(c.from_a.errors == 2);
}

TEST_CASE("channel: an error that came after some bytes is told by the next call, whether or not there is room") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    c.wire.cut(ETIMEDOUT);
    CHECK(c.from_a.send(20) == 16);
    CHECK(c.at_b.receive(8) == 8);
    CHECK(c.from_a.send(4) == 0);
    CHECK(c.from_a.error == ETIMEDOUT);
    CHECK(c.from_a.send(4) == 0);
    CHECK(c.from_a.error == EPIPE);
    c.at_b.drain();
    CHECK(c.at_b.wrong == 0);
}

TEST_CASE("channel: an error that the connection survives costs a call, and no byte") {
    conversation c{16, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    const std::size_t sends = c.wire.calls(0, operation::send);
    c.wire.plan = {fault::refused, operation::send, sends + 1, ENOBUFS};
    CHECK(c.from_a.send(20) == 16);
    CHECK(c.from_a.send(4) == 0);
    CHECK(c.from_a.error == ENOBUFS);
    for (int i = 0; i != 10; ++i) {
        CHECK(c.from_a.send(10) == 10);
        CHECK(c.all_arrived());
    }
}

TEST_CASE("channel: a peer that died without a word ends the use of the ring") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    c.meanwhile = [&] { return c.wire.kill(1), true; };
    CHECK(c.from_a.send(40, no_deadline) == 40);  // The last of it by TCP, which takes it, as it always did.
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.from_a.send(1, no_deadline) == 0);
    CHECK(c.from_a.error == EPIPE);
}

TEST_CASE("channel: an end that nobody announced wakes a writer once, and TCP's room does after that") {
    conversation c{16, deterministic(overflow::on_full()), {.send = 4, .receive = 4}};
    REQUIRE(c.opened());
    REQUIRE(static_cast<bool>(c.wire.second.finish_sending()));
    CHECK(c.from_a.send(40, after(1s)) == 24);
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.a.counts().sent.sleeps <= 2);
    c.meanwhile = [&] { return c.at_b.receive(3) != 0; };
    CHECK(c.from_a.send(100, no_deadline) == 100);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: closing with bytes unread in the ring resets, and is orderly otherwise") {
    for (const bool unread : {false, true}) {
        conversation c{16};
        REQUIRE(c.opened());
        CHECK(c.from_a.send(4) == 4);
        c.at_b.receive(unread ? 3 : 4);
        c.b.close();
        CHECK(c.wire.closed(1) == (unread ? farewell::reset : farewell::orderly));
        const auto calls = c.wire.calls(1);
        c.b.close();
        CHECK(c.wire.calls(1) == calls);
    }
}

TEST_CASE("channel: one's own bytes, unread by the other, are no reason to reset") {
    conversation c{16};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(4) == 4);
    c.a.close();
    CHECK(c.wire.closed(0) == farewell::orderly);
    CHECK(c.all_arrived());
    CHECK(c.at_b.ended);
    CHECK(c.at_b.errors == 0);
}

TEST_CASE("channel: after a close the peer's sends go as they go on TCP") {
    conversation plain{16};
    conversation c{16};
    REQUIRE(c.opened());
    plain.b.close();
    c.b.close();
    for (int i = 0; i != 4; ++i) {
        const std::size_t expected = plain.from_a.send(4, no_deadline);
        CHECK(c.from_a.send(4, no_deadline) == expected);
        CHECK(c.from_a.error == plain.from_a.error);
    }
    CHECK(c.from_a.errors == 3);
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.at_a.receive() == 0);
    CHECK(c.at_a.ended);
}

TEST_CASE("channel: what the peer accepted and never read is answered with a reset") {
    conversation c{16};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(8) == 8);
    c.b.close();
    CHECK(c.at_a.receive(1, no_deadline) == 0);
    CHECK(c.at_a.error == ECONNRESET);
    CHECK(c.from_a.send(4) == 0);  // As on a socket that was reset.
    CHECK(c.from_a.error == EPIPE);
    CHECK(c.a.sends_by() == route::tcp);
}

TEST_CASE("channel: a writer asleep hears that its peer is gone") {
    for (const auto how : {overflow::never(), overflow::on_full()}) {
        conversation c{16, deterministic(how), {.send = 4, .receive = 4}};
        REQUIRE(c.opened());
        c.meanwhile = [&] { return c.b.close(), true; };
        CHECK(c.from_a.send(100, no_deadline) >= 16);
        CHECK(c.from_a.send(1, no_deadline) == 0);
        CHECK(c.from_a.error == ECONNRESET);
        CHECK(c.from_a.send(1, no_deadline) == 0);
        CHECK(c.from_a.error == EPIPE);
        CHECK(c.from_a.errors == 2);
    }
}

TEST_CASE("channel: a peer that wants to leave is left to, after every byte, and for good") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(5) == 5);
    c.rings.of_second.endpoint.leaving.store(1, std::memory_order_relaxed);
    CHECK(c.from_a.send(5) == 5);
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.rings.of_first.sends.left.load(std::memory_order_relaxed) != 0);
    CHECK(c.from_a.send(5) == 5);
    CHECK(c.all_arrived());
    const auto by_ring = c.a.counts().sent.bytes_by_ring;
    for (int i = 0; i != 10; ++i) {
        CHECK(c.from_a.send(5, no_deadline) == 5);
        CHECK(c.all_arrived());
    }
    CHECK(c.a.counts().sent.bytes_by_ring == by_ring);
}

TEST_CASE("channel: a writer asleep leaves when it is nudged") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    int step = 0;
    c.meanwhile = [&] {
        if (step++ == 0) {
            c.rings.of_second.endpoint.leaving.store(1, std::memory_order_relaxed);
        }
        return c.at_b.receive(9) != 0;
    };
    CHECK(c.from_a.send(40, no_deadline) == 40);
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.all_arrived());
}

// What one endpoint stores just before any access of the other's is tried at every access there is. The test plays that
// endpoint by hand: it says its words, and nudges.

namespace {

struct reader_by_hand {
    explicit reader_by_hand(conversation& with) : c{with} {
        c.offer();
        says.receives.ready.store(1, std::memory_order_relaxed);
    }
    void answer() {
        says.receives.drained.store(c.rings.of_first.sends.epoch.peek(), std::memory_order_release);
        rx.nudge();
    }
    void open() {
        CHECK(c.from_a.send(1) == 1);
        answer();
        take_from_tcp();
        CHECK(c.from_a.send(1) == 1);
        REQUIRE(c.a.sends_by() == route::ring);
    }
    void take_from_tcp() {
        std::array<std::byte, 64> bytes{};
        taken += c.wire.second.receive(bytes, blocking::no).value_or(0);
        says.receives.tcp_taken.store(taken, std::memory_order_relaxed);
        rx.nudge_if([&] { return c.rings.of_first.sends.settles_at.peek() == taken; });
    }

    conversation& c;
    splice::side_words<scripted>& says = c.rings.of_second;
    consumer<pair::ring, cursor::cached, guard::none> rx =
        c.rings.from_first.claim_consumer<cursor::cached, guard::none>();
    std::uint64_t taken = 0;
};

struct writer_by_hand {
    explicit writer_by_hand(conversation& with) : c{with} { c.offer(); }
    void flush() {
        says.sends.epoch.store(says.sends.epoch.peek() + 1, std::memory_order_release);
        tx.nudge();
    }

    conversation& c;
    splice::side_words<scripted>& says = c.rings.of_first;
    producer<pair::ring, cursor::cached, guard::none> tx =
        c.rings.from_first.claim_producer<cursor::cached, guard::none>();
};

[[nodiscard]] bool rang(int doorbell) {
    ::pollfd entry{doorbell, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

/// Lets `happen` come before each access of `call` in turn, if `may` it, and counts how often it came. After it, and
/// unless woken, nobody may have slept.
template <class Prepare, class May, class Happen, class Call, class Check>
std::size_t at_every_access(overflow how, Prepare prepare, May may, Happen happen, Call call, Check check) {
    for (std::size_t cut = 0;; ++cut) {
        CAPTURE(cut);
        conversation c{16, deterministic(how)};
        auto other = prepare(c);
        bool happened = false;
        bool slept_over_it = false;
        c.meanwhile = [&] {
            slept_over_it = slept_over_it || happened;
            return false;
        };
        const auto step_in = [&](const shared_access& a, std::uint64_t value) {
            if (a.index >= cut && !happened && may(*other)) {
                happened = true;
                happen(*other);
            }
            return value;
        };
        scripted::with(step_in, [&] { call(c); });
        if (!happened) {
            return cut;
        }
        CHECK_FALSE(slept_over_it);
        check(*other);
    }
}

[[nodiscard]] auto plays_reader(conversation& c) { return std::make_unique<reader_by_hand>(c); }
[[nodiscard]] auto plays_reader_of_full_ring(conversation& c) {
    auto reader = plays_reader(c);
    reader->open();
    (void)c.from_a.send(16);
    return reader;
}
constexpr auto always = [](const reader_by_hand&) { return true; };
constexpr auto nothing_more = [](const reader_by_hand&) {};

}  // namespace

TEST_CASE("channel: wherever the answer to a flush comes, its writer does not sleep over it") {
    const std::size_t points = at_every_access(
        overflow::never(), plays_reader,
        [](const reader_by_hand& r) { return r.c.rings.of_first.sends.epoch.peek() != 0; },
        [](reader_by_hand& r) { r.answer(); }, [](conversation& c) { CHECK(c.from_a.send(4, no_deadline) == 4); },
        nothing_more);
    CHECK(points > 20);
}

TEST_CASE("channel: wherever it is taken what was spilled, its writer does not sleep over it") {
    const auto spilled = [](conversation& c) {
        auto reader = plays_reader(c);
        reader->open();
        CHECK(c.from_a.send(20) == 20);
        std::array<std::byte, 64> bytes{};
        (void)reader->rx.try_read(bytes);
        return reader;
    };
    const std::size_t points = at_every_access(
        overflow::on_stall(), spilled, always, [](reader_by_hand& r) { r.take_from_tcp(); },
        [](conversation& c) { CHECK(c.from_a.send(4, no_deadline) == 4); }, nothing_more);
    CHECK(points > 20);
}

TEST_CASE("channel: wherever its peer is gone, a writer does not sleep over it, and makes TCP say so") {
    const std::size_t points = at_every_access(
        overflow::never(), plays_reader_of_full_ring, always,
        [](reader_by_hand& r) {
            r.says.endpoint.gone.store(1, std::memory_order_relaxed);
            r.rx.nudge();
        },
        [](conversation& c) { (void)c.from_a.send(4, after(1h)); },
        [](reader_by_hand& r) {
            (void)r.c.from_a.send(1);  // If it came behind the last look of that call.
            CHECK(r.c.wire.second.readable());
        });
    CHECK(points > 20);
}

TEST_CASE("channel: wherever its peer wants to leave, a writer does not sleep over it") {
    const std::size_t points = at_every_access(
        overflow::never(), plays_reader_of_full_ring, always,
        [](reader_by_hand& r) {
            r.says.endpoint.leaving.store(1, std::memory_order_relaxed);
            r.rx.nudge();
        },
        [](conversation& c) { (void)c.from_a.send(4, after(1h)); }, nothing_more);
    CHECK(points > 20);
}

TEST_CASE("channel: wherever a flush comes, a reader does not sleep over it") {
    const std::size_t points = at_every_access(
        overflow::never(), [](conversation& c) { return std::make_unique<writer_by_hand>(c); },
        [](const writer_by_hand&) { return true; },
        [](writer_by_hand& w) {
            w.flush();
            w.c.wire.while_asleep = [&w](auto deadline) {
                CHECK(w.c.rings.of_second.receives.drained.peek() == 1);
                scripted::time = deadline;
                return false;
            };
        },
        [](conversation& c) { CHECK(c.at_b.receive(1, after(1s)) == 0); }, [](writer_by_hand&) {});
    CHECK(points > 20);
}

TEST_CASE("channel: whatever a writer says, it wakes its reader for it") {
    conversation c{16, deterministic(overflow::never())};
    reader_by_hand r{c};
    CHECK(c.from_a.send(1) == 1);
    r.answer();
    r.take_from_tcp();
    const auto waken_by = [&](auto call) {
        r.rx.arm_for_nudge();
        REQUIRE_FALSE(rang(r.rx.poll_fd()));
        call();
        return rang(r.rx.poll_fd());
    };
    REQUIRE(c.rings.of_first.sends.epoch.peek() == 1);
    CHECK(c.from_a.send(16) == 16);
    CHECK(waken_by([&] {
        r.says.endpoint.leaving.store(1, std::memory_order_relaxed);
        (void)c.from_a.send(1);
    }));
    CHECK(waken_by([&] { CHECK(static_cast<bool>(c.a.finish_sending())); }));

    conversation other{16};
    reader_by_hand s{other};
    s.rx.arm_for_nudge();
    CHECK(other.from_a.send(1) == 1);
    CHECK(other.rings.of_first.sends.epoch.peek() == 1);
    CHECK(rang(s.rx.poll_fd()));
}

TEST_CASE("channel: whatever a reader says, it wakes its writer for it") {
    conversation c{16};
    writer_by_hand w{c};
    const auto waken_by = [&](auto call) {
        w.tx.arm_for_nudge();
        REQUIRE_FALSE(rang(w.tx.poll_fd()));
        call();
        return rang(w.tx.poll_fd());
    };
    CHECK_FALSE(waken_by([&] { c.at_b.drain(); }));
    CHECK(c.wire.calls(1, operation::acknowledge_at_once) == 1);
    w.flush();
    CHECK(waken_by([&] { c.at_b.drain(); }));
    std::array<std::byte, 8> bytes{};
    fill_pattern(bytes, 0);
    CHECK(c.wire.first.send(bytes, blocking::no).value_or(0) == 8);
    w.says.sends.settles_at.store(8, std::memory_order_relaxed);
    CHECK_FALSE(waken_by([&] { CHECK(c.at_b.receive(7) == 7); }));
    CHECK(waken_by([&] { CHECK(c.at_b.receive(7) == 1); }));
    CHECK(waken_by([&] { c.b.close(); }));
}

TEST_CASE("channel: a ring whose words make no sense is an error for good, and for both, and nobody spins") {
    const auto lie = [](const shared_access& a, std::uint64_t truth) {
        return a.order == std::memory_order_acquire && a.width == 8 ? truth + 1000 : truth;
    };
    for (const auto deadline : {at_once, no_deadline}) {
        CAPTURE(deadline == at_once);
        for (const bool by_ring : {false, true}) {
            CAPTURE(by_ring);
            conversation c{16, deterministic(overflow::never())};
            REQUIRE(c.opened());
            if (by_ring) {
                CHECK(c.from_a.send(1) == 1);
                CHECK(c.at_b.receive(1) == 1);
            }
            CHECK(scripted::with(lie, [&] { return c.at_b.receive(8, deadline); }) == 0);
            CHECK(c.at_b.error == EPROTO);
            CHECK(c.at_b.receive(8, deadline) == 0);
            CHECK(c.at_b.error == EPROTO);
        }
        conversation c{16, deterministic(overflow::never())};
        REQUIRE(c.opened());
        CHECK(c.from_a.send(16) == 16);
        CHECK(scripted::with(lie, [&] { return c.from_a.send(8, deadline); }) == 0);
        CHECK(c.from_a.error == EPROTO);
        CHECK(c.from_a.send(8, deadline) == 0);
        CHECK(c.from_a.error == EPROTO);
    }
}

TEST_CASE("channel: calls that overlap in one direction stop the program, and in two they do not") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    c.meanwhile = [&] { return c.at_b.drain() + c.from_b.send(1) + c.at_a.drain() != 0; };
    CHECK(c.from_a.send(40, no_deadline) == 40);
    c.meanwhile = [&] { return c.from_a.send(1) != 0; };
    CHECK_DIES("two calls overlap", c.from_a.send(40, no_deadline));
    c.meanwhile = [&] {
        std::thread{[&] { (void)c.from_a.send(1); }}.join();
        return true;
    };
    CHECK_DIES("two calls overlap", c.from_a.send(40, no_deadline));
    c.at_b.drain();
    c.meanwhile = [&] { return c.at_b.receive(1) != 0; };
    CHECK_DIES("two calls overlap", c.at_b.receive(1, no_deadline));
    c.meanwhile = [&] { return c.b.close(), true; };
    CHECK_DIES("two calls overlap", c.at_b.receive(1, no_deadline));
}

TEST_CASE("channel: it is offered rings once") {
    conversation c{16};
    c.offer();
    splice::joint<pair::ring> others{16};
    CHECK_DIES("offered rings twice", c.a.offer(others.seat_of(splice::side::second)));
    CHECK_DIES("offered rings twice", c.a.offer(c.rings.seat_of(splice::side::first)));
}

TEST_CASE(
    "channel: a call without a deadline waits as long as the transport was told, and is told only when it sleeps") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    c.wire.limit = 30ms;
    auto begun = scripted::time;
    CHECK(c.at_b.receive(1, no_deadline) == 0);
    CHECK(c.at_b.error == EAGAIN);
    CHECK(scripted::time == begun + 30ms);
    begun = scripted::time;
    CHECK(c.from_a.send(20, no_deadline) == 16);
    CHECK(scripted::time == begun + 30ms);
    const auto asked = c.wire.calls(1, operation::limit);
    CHECK(c.at_b.receive(16, no_deadline) == 16);
    CHECK(c.wire.calls(1, operation::limit) == asked);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a signal ends a call if the transport says so, and what has moved counts") {
    for (const bool restarts : {false, true}) {
        conversation c{16, deterministic(overflow::never())};
        REQUIRE(c.opened());
        c.wire.restarts = restarts;
        c.wire.signals = 1;
        c.meanwhile = [&] { return c.from_a.send(3) != 0; };
        CHECK(c.at_b.receive(3, no_deadline) == (restarts ? 3U : 0U));
        CHECK((restarts || c.at_b.error == EINTR));
        (void)c.at_b.drain();
        CHECK(c.from_a.send(10) == 10);
        c.wire.signals = 1;
        c.meanwhile = [&] { return c.at_b.receive(5) != 0; };
        CHECK(c.from_a.send(20, no_deadline) == (restarts ? 20U : 6U));
        c.meanwhile = nullptr;
        // Who has a deadline is not restarted: it would begin anew.
        (void)c.at_b.drain();
        c.wire.signals = 1;
        const auto begun = scripted::time;
        CHECK(c.at_b.receive(3, after(1s)) == 0);
        CHECK(c.at_b.error == EINTR);
        CHECK(scripted::time == begun);
        CHECK(c.all_arrived());
    }
}

TEST_CASE("channel: who is interrupted while it waits for the way to the ring goes by TCP") {
    conversation c{16};
    c.offer();
    c.at_b.drain();
    c.wire.signals = 1;
    CHECK(c.from_a.send(4, no_deadline) == 4);
    CHECK(c.a.counts().sent.bytes_by_tcp == 4);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: the transport's low-water mark is taken over with the ring") {
    conversation c{16};
    c.wire.low_water = 6;
    REQUIRE(c.opened());
    CHECK(c.from_a.send(5) == 5);
    int sends = 0;
    c.meanwhile = [&] { return ++sends, c.from_a.send(1) != 0; };
    CHECK(c.at_b.receive(10, no_deadline) == 6);
    CHECK(sends == 1);
    CHECK(c.from_a.send(2) == 2);
    CHECK(c.at_b.receive(2, no_deadline) == 2);
    CHECK(c.from_a.send(2) == 2);
    CHECK(c.at_b.receive(10) == 2);
    REQUIRE(c.b.set_low_water(1));
    CHECK(c.from_a.send(2) == 2);
    CHECK(c.at_b.receive(10, no_deadline) == 2);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: who looks ahead sees the ring, and TCP behind it, and leaves both") {
    conversation c{8, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(20) == 20);
    REQUIRE(c.a.sends_by() == route::mixed);
    const auto before = c.b.counts().received;
    for (const std::size_t n : {1U, 8U, 9U, 20U, 40U}) {
        c.at_b.look_ahead(n);
    }
    CHECK(c.at_b.wrong == 0);
    CHECK(c.at_b.errors == 0);
    std::array<std::byte, 40> bytes{};
    receive_how how;
    how.keep = how.whole = true;
    CHECK(c.b.receive(std::span{bytes}.first(20), how, no_deadline).value_or(0) == 20);
    CHECK(is_pattern(std::span{bytes}.first(20), c.at_b.received));
    // Into two pieces, the second of which begins in the middle of what the ring has.
    const std::array<::iovec, 2> list{::iovec{bytes.data() + 20, 3}, ::iovec{bytes.data() + 23, 10}};
    CHECK(c.b.receive(detail::pieces<std::byte>::of(list), how, at_once).value_or(0) >= 8);
    CHECK(is_pattern(std::span{bytes}.subspan(20, 8), c.at_b.received));
    CHECK(c.b.counts().received.bytes_by_ring == before.bytes_by_ring);
    CHECK(c.b.counts().received.bytes_by_tcp == before.bytes_by_tcp);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: the kernel waits for the rest of what is looked ahead at, once TCP has some of it") {
    conversation c{8, deterministic(overflow::on_full())};
    REQUIRE(c.opened());
    CHECK(c.from_a.send(9) == 9);
    c.meanwhile = [&] { return c.from_a.send(1) != 0; };
    std::array<std::byte, 12> bytes{};
    receive_how how;
    how.keep = how.whole = true;
    CHECK(c.b.receive(std::span<std::byte>{bytes}, how, no_deadline).value_or(0) >= 8);
    c.meanwhile = nullptr;
    CHECK(is_pattern(std::span{bytes}.first(8), c.at_b.received));
    CHECK(c.all_arrived());
}

TEST_CASE("channel: a buffer that is none says nothing about the connection") {
    conversation c{16};
    REQUIRE(c.opened());
    c.wire.plan = {fault::refused, operation::send,
                   c.wire.calls(0, operation::send) + c.wire.calls(1, operation::send) + 1, EFAULT};
    CHECK(c.from_a.send(20) == 16);  // What does not fit would have gone by TCP.
    CHECK(c.all_arrived());
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: without rings an event loop has the transport to watch, and nothing else") {
    conversation c{16};
    const auto in = c.a.attend_receiving(true);
    const auto out = c.a.attend_sending(true, true);
    CHECK(in.found == splice::prospects{.by_tcp = true});
    CHECK(out.found == splice::prospects{.by_tcp = true});
    CHECK(in.doorbell == -1);
    CHECK(out.doorbell == -1);
    CHECK(c.wire.calls(0) == 0);
}

TEST_CASE("channel: an event loop is told what is in the ring, and otherwise the doorbell rings for it") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    const auto idle = c.b.attend_receiving(true);
    CHECK_FALSE(idle.found.now);
    CHECK(idle.found.rings);
    const auto rang = [&](int bell) {
        ::pollfd entry{bell, POLLIN, 0};
        return ::poll(&entry, 1, 0) == 1;
    };
    CHECK_FALSE(rang(idle.doorbell));
    CHECK(c.from_a.send(5) == 5);
    CHECK(rang(idle.doorbell));
    // What rang goes on to, as long as there is anything.
    CHECK(c.b.attend_receiving(true).found == splice::prospects{.now = true, .by_tcp = true, .rings = true});
    CHECK(c.at_b.receive(4) == 4);
    CHECK(c.b.attend_receiving(true).found == splice::prospects{.now = true, .by_tcp = true, .rings = true});
    CHECK(c.at_b.receive(4) == 1);
    CHECK(c.b.attend_receiving(true).found == idle.found);
    CHECK_FALSE(rang(idle.doorbell));
    // A call that sleeps uses the bell for itself.
    CHECK(c.from_a.send(5) == 5);
    CHECK(c.at_b.receive(5) == 5);
    c.meanwhile = [&] { return c.from_a.send(5) == 5; };
    CHECK(c.at_b.receive(4, no_deadline) == 4);
    CHECK(c.b.attend_receiving(true).found == splice::prospects{.now = true, .by_tcp = true});
}

TEST_CASE("channel: a doorbell that is said to ring rings, whatever is done and in whichever order") {
    const auto rang = [](int bell) {
        ::pollfd entry{bell, POLLIN, 0};
        return ::poll(&entry, 1, 0) == 1;
    };
    for (const auto how : {overflow::never(), overflow::on_full(), overflow::on_stall()}) {
        for (const std::size_t capacity : {std::size_t{2}, std::size_t{16}}) {
            CAPTURE(how.spill_after().count());
            CAPTURE(capacity);
            conversation c{capacity, deterministic(how), {.send = 32, .receive = 32}};
            REQUIRE(c.opened());
            std::minstd_rand cast{1};
            const auto below = [&cast](std::size_t n) { return cast() % n; };
            std::size_t shown_by_bell = 0;
            // What was said last of each direction, to somebody who waits since then.
            bool sender_waits = false;
            bool receiver_waits = false;
            for (int step = 0; step != 20'000; ++step) {
                CAPTURE(step);
                switch (below(6)) {
                    case 0:
                        (void)c.from_a.send(1 + below(2 * capacity));
                        sender_waits = false;
                        break;
                    case 1:
                        (void)c.at_b.receive(1 + below(2 * capacity));
                        receiver_waits = false;
                        break;
                    case 2: {
                        const auto [found, bell] = c.a.attend_sending(true, true);
                        shown_by_bell += found.now && found.rings ? 1 : 0;
                        CHECK((!found.now || !found.rings || rang(bell)));
                        // Who has a time to wait for as well is not woken for every byte.
                        sender_waits = !found.now && found.rings && found.tcp_from == no_deadline;
                        break;
                    }
                    case 3: {
                        const auto [found, bell] = c.b.attend_receiving(true);
                        shown_by_bell += found.now && found.rings ? 1 : 0;
                        CHECK((!found.now || !found.rings || rang(bell)));
                        receiver_waits = !found.now && found.rings;
                        break;
                    }
                    case 4:
                        scripted::time += std::chrono::microseconds{static_cast<int>(below(2000))};
                        break;
                    default: {
                        // Somebody else looks, and changes nothing.
                        const auto [out, space] = c.a.attend_sending(false, true);
                        CHECK((!sender_waits || !out.now || rang(space)));
                        const auto [in, data] = c.b.attend_receiving(false);
                        CHECK((!receiver_waits || !in.now || rang(data)));
                        if (below(8) == 0) {
                            REQUIRE(c.b.set_low_water(1 + below(2)));
                            receiver_waits = false;
                        }
                        break;
                    }
                }
            }
            CHECK(shown_by_bell != 0);
            CHECK(c.all_arrived());
        }
    }
}

TEST_CASE("channel: who only looks arms nothing") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened());
    const auto idle = c.b.attend_receiving(false);
    CHECK_FALSE(idle.found.now);
    CHECK_FALSE(idle.found.rings);
    CHECK(c.from_a.send(16) == 16);
    ::pollfd entry{idle.doorbell, POLLIN, 0};
    CHECK(::poll(&entry, 1, 0) == 0);
    CHECK(c.b.attend_receiving(false).found.now);
    const auto full = c.a.attend_sending(false, false);
    CHECK_FALSE(full.found.now);
    CHECK_FALSE(full.found.rings);
    CHECK(c.all_arrived());
    entry.fd = full.doorbell;
    CHECK(::poll(&entry, 1, 0) == 0);
    CHECK(c.a.attend_sending(false, false).found.now);
}

TEST_CASE("channel: a full ring waits for half of it, or for the time when TCP may be fed") {
    for (const auto how : {overflow::never(), overflow::on_stall(5ms), overflow::on_stall(1h)}) {
        conversation c{16, deterministic(how)};
        REQUIRE(c.opened());
        CHECK(c.a.attend_sending(true, true).found.now);
        CHECK(c.from_a.send(20) == 16);
        CHECK(c.from_a.send(1) == 0);
        CHECK(c.from_a.error == EAGAIN);
        const auto [full, bell] = c.a.attend_sending(true, true);
        CHECK_FALSE(full.now);
        CHECK_FALSE(full.by_tcp);
        CHECK(full.rings);
        CHECK(full.tcp_from == (how.spills() ? after(how.spill_after()) : no_deadline));
        ::pollfd entry{bell, POLLIN, 0};
        // A reader that takes a little need not wake it, unless there is a long time to wait.
        CHECK(c.at_b.receive(1) == 1);
        CHECK(::poll(&entry, 1, 0) == (how == overflow::on_stall(5ms) ? 0 : 1));
        CHECK(c.at_b.receive(7) == 7);
        CHECK(::poll(&entry, 1, 0) == 1);
        CHECK(c.a.attend_sending(true, true).found.now);
        CHECK(c.a.attend_sending(true, true).found.rings);
        CHECK(c.from_a.send(20) == 8);
        CHECK_FALSE(c.a.attend_sending(true, true).found.now);
        CHECK(::poll(&entry, 1, 0) == 0);
        if (how.spills()) {
            scripted::time += how.spill_after();
            CHECK(c.a.attend_sending(true, true).found.by_tcp);
            CHECK(c.from_a.send(4) == 4);
            CHECK(c.a.counts().sent.spills == 1);
            // From here on it waits for the reader.
            CHECK(c.from_a.send(4) == 0);
            const auto settling = c.a.attend_sending(true, true).found;
            CHECK(settling.rings);
            CHECK_FALSE(settling.by_tcp);
            CHECK(settling.tcp_from == after(how.feed_after()));
            CHECK(c.all_arrived());
            CHECK(::poll(&entry, 1, 0) == 1);
            CHECK(c.a.attend_sending(true, true).found.now);
        }
    }
}

TEST_CASE("channel: who has no timer spills at once, as without an event loop") {
    conversation c{16};
    REQUIRE(c.opened());
    CHECK(c.a.attend_sending(true, false).found.now);
    CHECK(c.from_a.send(20) == 20);
    CHECK(c.a.attend_sending(true, false).found.by_tcp);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: what the other side says is heard by who attends for an event loop") {
    conversation c{16, deterministic(overflow::never())};
    c.offer();
    CHECK(c.at_b.receive() == 0);
    REQUIRE(c.b.attend_receiving(true).found.rings);
    CHECK(c.from_a.send(1) == 1);  // And begins a flush.
    CHECK(c.at_b.receive() == 1);
    CHECK(c.b.attend_receiving(true).found.rings);  // Answers it.
    CHECK(c.from_a.send(1) == 1);
    CHECK(c.a.sends_by() == route::ring);
    CHECK(c.a.attend_sending(true, true).found.now);
    c.rings.of_second.endpoint.leaving.store(1, std::memory_order_relaxed);
    CHECK(c.a.attend_sending(false, true).found.by_tcp);
    CHECK(c.a.sends_by() == route::tcp);
    CHECK(c.all_arrived());
    CHECK_FALSE(c.b.attend_receiving(true).found.rings);  // Nothing will.
}

TEST_CASE("channel: it leaves when the other side has agreed, and everything was received") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    CHECK(c.from_b.send(5) == 5);
    CHECK(c.from_a.send(5) == 5);
    CHECK(c.a.unsplice(no_deadline) == status::stalled);
    CHECK(c.at_a.receive() == 5);
    CHECK(c.a.unsplice(at_once) == status::timed_out);
    const auto before = scripted::time;
    CHECK(c.a.unsplice(after(7ms)) == status::timed_out);
    CHECK(scripted::time == before + 7ms);
    CHECK(c.a.sends_by() == route::tcp);
    c.meanwhile = [&] { return c.from_b.send(3) == 3; };
    CHECK(c.a.unsplice(no_deadline) == status::ok);
    CHECK(c.b.sends_by() == route::tcp);
    const auto calls = c.wire.calls(0);
    CHECK(c.at_a.receive() == 3);
    CHECK(c.from_a.send(3) == 3);
    CHECK(c.wire.calls(0) == calls + 2);  // As plain ones.
    CHECK(c.all_arrived());
    CHECK(c.b.unsplice(at_once) == status::ok);
    CHECK(c.a.unsplice(at_once) == status::ok);
    CHECK(c.from_a.send(3) == 3);
    CHECK(c.all_arrived());
}

TEST_CASE("channel: the death of the other side is as good as its word") {
    conversation c{16, deterministic(overflow::never())};
    REQUIRE(c.opened_both_ways());
    c.meanwhile = [&] { return c.wire.kill(1), true; };
    CHECK(c.a.unsplice(no_deadline) == status::ok);
    CHECK(c.at_a.receive() == 0);
    CHECK(c.at_a.ended);
}

TEST_CASE("channel: one that has not used its rings leaves them at once, and does not use them afterwards") {
    conversation c{16};
    c.offer();
    CHECK(c.a.unsplice(at_once) == status::ok);
    CHECK_FALSE(open_ring(c.from_a, c.at_b));
    CHECK_FALSE(open_ring(c.from_b, c.at_a));
    CHECK(c.all_arrived());
    CHECK(c.at_a.received == c.from_b.sent);
}
