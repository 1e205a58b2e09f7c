// Whatever a peer says, and however often it changes its mind: a call that must not wait returns, one that may waits
// for something, and what TCP carries gets through.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/spliced_pair.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;

namespace {

struct victims : spliced_pair<scripted> {
    explicit victims(splice::overflow how = splice::overflow::never()) : spliced_pair{16, deterministic(how)} {}

    [[nodiscard]] bool opened() {
        offer();
        return open_ring(from_a, at_b);
    }

    talker<channel> from_a{&a};
    listener<channel> at_b{&b};
};

/// After so many looks of a single call the peer stops lying, and the test has failed.
constexpr std::size_t enough = 1000;

/// Another value at each look at `word`, until the victim has had enough of them. Time passes meanwhile.
struct fickle {
    const void* word;
    std::size_t* looks;

    std::uint64_t operator()(const shared_access& a, std::uint64_t value) const {
        scripted::time += 1us;
        if (a.kind != access_kind::load || a.word != word || ++*looks > enough) {
            return value;
        }
        return value + *looks;
    }
};

}  // namespace

TEST_CASE("hostile: a peer that flushes at every look keeps nobody who must not wait") {
    victims v;
    REQUIRE(v.opened());
    std::size_t looks = 0;
    const fickle lie{&v.rings.of_first.sends.epoch, &looks};
    CHECK(scripted::with(lie, [&] { return v.at_b.receive(8); }) == 0);
    CHECK(v.at_b.error == EAGAIN);
    CHECK(looks <= 4);
}

TEST_CASE("hostile: nor anybody beyond his deadline") {
    victims v;
    REQUIRE(v.opened());
    std::size_t looks = 0;
    const fickle lie{&v.rings.of_first.sends.epoch, &looks};
    const auto deadline = scripted::time + 100us;
    CHECK(scripted::with(lie, [&] { return v.at_b.receive(8, deadline); }) == 0);
    CHECK(v.at_b.error == EAGAIN);
    CHECK(scripted::time <= deadline + 50us);
}

TEST_CASE("hostile: nor an event loop") {
    victims v;
    REQUIRE(v.opened());
    std::size_t looks = 0;
    const fickle lie{&v.rings.of_first.sends.epoch, &looks};
    scripted::with(lie, [&] { (void)v.b.attend_receiving(true); });
    CHECK(looks <= 64);
}

TEST_CASE("hostile: every word of a peer's, another value at each look, and calls that must not wait return") {
    for (const auto how : {splice::overflow::never(), splice::overflow::on_full(), splice::overflow::on_stall()}) {
        const auto words = [](victims& v) {
            auto& writer = v.rings.of_first;
            auto& reader = v.rings.of_second;
            return std::array<const void*, 14>{
                &writer.sends.epoch,          &writer.sends.left,           &writer.sends.settles_at,
                &writer.endpoint.half_closed, &writer.endpoint.reset,       &writer.endpoint.gone,
                &writer.endpoint.leaving,     &reader.receives.tcp_taken,   &reader.receives.drained,
                &reader.receives.ready,       &reader.endpoint.half_closed, &reader.endpoint.gone,
                &reader.endpoint.leaving,     &reader.endpoint.reset,
            };
        };
        for (std::size_t which = 0; which != 14; ++which) {
            CAPTURE(which);
            victims v{how};
            v.offer();
            std::size_t looks = 0;
            const fickle lie{words(v).at(which), &looks};
            std::size_t most = 0;
            const auto measure = [&](auto call) {
                looks = 0;
                const std::size_t moved = scripted::with(lie, call);
                most = std::max(most, looks);
                return moved;
            };
            for (int i = 0; i != 40; ++i) {
                // From before the ring is open until long after it was full, and until there is nothing left.
                for (const std::size_t n : {1U, 24U, 3U}) {
                    (void)measure([&] { return v.from_a.send(n); });
                }
                for (int j = 0; j != 100 && measure([&] { return v.at_b.receive(8); }) != 0; ++j) {
                }
            }
            CHECK(most <= 64);
        }
    }
}

TEST_CASE("hostile: a writer that closes the ring and not the connection is read by TCP from then on") {
    victims v;
    v.rings.from_first.claim_producer().close();
    v.offer();
    std::size_t accesses = 0;
    std::size_t parks = 0;
    v.wire.while_asleep = [&](auto /*deadline*/) {
        ++parks;
        return v.from_a.send(3) == 3;
    };
    const auto give_up = [&](const shared_access& /*a*/, std::uint64_t value) {
        if (++accesses == enough) {
            v.wire.cut(ETIMEDOUT);
        }
        return value;
    };
    for (int i = 0; i != 3; ++i) {
        accesses = 0;
        CHECK(scripted::with(give_up, [&] { return v.at_b.receive(8, no_deadline); }) == 3);
        CHECK(accesses < 100);
    }
    CHECK(parks == 3);
    CHECK(v.at_b.wrong == 0);
}

TEST_CASE("hostile: and by who waits for more than the ring has, and leaves it there") {
    victims v;
    std::array<std::byte, 8> bytes{};
    {
        auto writer = v.rings.from_first.claim_producer();
        REQUIRE(writer.try_write(std::span{bytes}.first(3)) == 3);
        writer.close();
    }
    v.offer();
    std::size_t accesses = 0;
    v.wire.while_asleep = [&](auto /*deadline*/) { return v.from_a.send(5) == 5; };
    const auto give_up = [&](const shared_access& /*a*/, std::uint64_t value) {
        if (++accesses == enough) {
            v.wire.cut(ETIMEDOUT);
        }
        return value;
    };
    receive_how how;
    how.keep = how.whole = true;
    CHECK(scripted::with(give_up, [&] { return v.b.receive(bytes, how, no_deadline); }).value_or(0) == 8);
    CHECK(accesses < 100);
    CHECK(v.b.counts().received.sleeps == 1);
}

TEST_CASE("hostile: a reader that closes the ring and not the connection is sent to by TCP from then on") {
    for (const auto deadline : {victims::channel::at_once, no_deadline}) {
        victims v;
        v.rings.from_first.claim_consumer().close();
        v.offer();
        v.at_b.drain();
        CHECK(v.from_a.send(1) == 1);
        v.at_b.drain();
        std::size_t accesses = 0;
        const auto give_up = [&](const shared_access& a, std::uint64_t value) {
            const bool is_gone = a.word == &v.rings.of_second.endpoint.gone;
            return ++accesses > enough && is_gone ? 1 : value;
        };
        CHECK(scripted::with(give_up, [&] { return v.from_a.send(8, deadline); }) == 8);
        CHECK(accesses < 100);
        CHECK(v.a.counts().sent.openings == 1);
        CHECK(v.a.sends_by() == splice::route::tcp);
        v.at_b.drain();
        CHECK(v.at_b.received == v.from_a.sent);
        CHECK(v.at_b.wrong == 0);
    }
}
