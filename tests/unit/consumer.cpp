#include <ferrule/consumer.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <memory>

#include "../support/dies.hpp"
#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/tracked.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("consumer: try_read reads the prefix that is there") {
    for (const auto start : starts(8)) {
        CAPTURE(start);
        for (std::size_t there = 0; there <= 8; ++there) {
            for (std::size_t n = 0; n <= 10; ++n) {
                subject<Config, std::byte, 8> s{start};
                std::array<std::byte, 8> sent{};
                fill_pattern(sent, start);
                REQUIRE(s.tx.try_write(std::span{sent}.first(there)) == there);
                s.tx.publish();
                std::array<std::byte, 10> got{};
                const std::size_t first = std::min(n, there);
                CHECK(s.rx.try_read(std::span{got}.first(n)) == first);
                CHECK(s.rx.readable_at_least() == there - first);
                CHECK(s.rx.try_read(std::span{got}.subspan(first)) == std::min(there - first, 10 - first));
                CHECK(is_pattern(std::span{got}.first(there), start));
            }
        }
    }
}

FERRULE_FOR_EACH_RING("consumer: one read takes all that was written before it, in however many pieces") {
    for (const auto start : starts(8)) {
        subject<Config, std::byte, 8> s{start};
        std::array<std::byte, 8> sent{};
        std::array<std::byte, 8> got{};
        fill_pattern(sent, 0);
        REQUIRE(s.tx.try_write(std::span{sent}.first(3)) == 3);
        REQUIRE(s.rx.try_read(std::span{got}.first(1)) == 1);
        REQUIRE(s.tx.try_write(std::span{sent}.subspan(3, 4)) == 4);
        s.tx.publish();
        CHECK(s.rx.try_read(std::span{got}.subspan(1)) == 6);
        CHECK(is_pattern(std::span{got}.first(7), 0));
    }
}

FERRULE_FOR_EACH_RING("consumer: peek lends what is there, and release gives back a prefix of it") {
    for (const auto start : starts(8)) {
        CAPTURE(start);
        for (std::size_t there = 1; there <= 8; ++there) {
            for (std::size_t released = 0; released <= there; ++released) {
                subject<Config, std::byte, 8> s{start};
                std::array<std::byte, 8> sent{};
                fill_pattern(sent, start);
                REQUIRE(s.tx.try_write(std::span{sent}.first(there)) == there);
                s.tx.publish();
                {
                    auto grant = s.rx.peek();
                    REQUIRE(grant.size() == there);
                    for (std::size_t i = 0; i != there; ++i) {
                        CHECK(grant.parts()[i] == pattern_byte(start + i));
                    }
                    CHECK(s.tx.writable_at_least() == 8 - there);
                    grant.release(released);
                    CHECK_FALSE(grant);
                }
                s.rx.publish();
                CHECK(s.tx.writable_at_least() == 8 - there + released);
                std::array<std::byte, 8> rest{};
                CHECK(s.rx.try_read(rest) == there - released);
                CHECK(is_pattern(std::span{rest}.first(there - released), start + released));
            }
        }
    }
}

FERRULE_FOR_EACH_RING("consumer: a dropped grant takes nothing out of the ring") {
    subject<Config, int, 4> s;
    CHECK(s.tx.try_push(1));
    CHECK(s.tx.try_push(2));
    s.tx.publish();
    { const auto grant = s.rx.peek(2); }
    CHECK(s.rx.try_pop() == 1);
    CHECK(s.rx.try_pop() == 2);
}

FERRULE_FOR_EACH_RING("consumer: peek finds what came since the last look if it is asked for more than it knows") {
    subject<Config, int, 4> s;
    CHECK_FALSE(s.rx.peek());
    CHECK(s.tx.try_push(1));
    s.tx.publish();
    CHECK(s.rx.peek().size() == 1);
    CHECK(s.tx.try_push(2));
    s.tx.publish();
    CHECK_FALSE(s.rx.peek(3));
    CHECK(s.rx.state() == status::ok);
    CHECK(s.rx.peek(2).size() == 2);
    CHECK_FALSE(s.rx.peek(5));
    CHECK(s.rx.state() == status::too_large);
    CHECK(s.rx.wait_readable(5, no_deadline) == status::too_large);
}

FERRULE_FOR_EACH_RING("consumer: release of more than was peeked is diagnosed") {
    subject<Config, int, 4> s;
    CHECK(s.tx.try_push(1));
    s.tx.publish();
    CHECK_DIES("release() of more than was peeked", s.rx.peek().release(2));
}

FERRULE_FOR_EACH_RING("consumer: every element lives exactly once, whichever way it leaves") {
    for (const auto start : starts(4)) {
        CAPTURE(start);
        lives count;
        {
            subject<Config, move_only, 4> s{start};
            std::uint64_t sent = 0;
            std::uint64_t got = 0;
            for (int round = 0; round != 5; ++round) {
                while (s.tx.try_emplace(count, sent)) {
                    ++sent;
                }
                CHECK(count.alive == 4);
                // One by popping, two by reading in place and moving one of them out; one stays.
                CHECK(s.rx.try_pop()->value() == got++);
                auto grant = s.rx.peek(2);
                const move_only moved{std::move(grant.parts()[0])};
                CHECK(moved.value() == got++);
                CHECK(grant.parts()[1].value() == got++);
                grant.release(2);
                CHECK(count.alive == 2);
            }
            CHECK(s.rx.readable_at_least() == 1);
        }
        CHECK(count.alive == 0);
        CHECK(count.constructed == count.destroyed);
        CHECK(count.misused == 0);
    }
}

FERRULE_FOR_EACH_RING("consumer: owners of memory pass through intact") {
    subject<Config, std::unique_ptr<int>, 2> s{1};
    CHECK(s.tx.try_push(std::make_unique<int>(1)));
    CHECK(s.tx.try_push(std::make_unique<int>(2)));
    s.tx.publish();
    CHECK(**s.rx.try_pop() == 1);
    s.rx.publish();
    CHECK(s.tx.try_emplace(new int{3}));
    // Two are left for the ring to destroy; the leak checker counts them.
}

FERRULE_FOR_EACH_RING("consumer: after the producer's close the rest stays readable until finished") {
    for (const auto start : starts(4)) {
        subject<Config, int, 4> s{start};
        CHECK(s.tx.try_push(1));
        CHECK(s.tx.try_push(2));
        CHECK_FALSE(s.rx.finished());
        s.tx.close();
        CHECK(s.rx.state() == status::closed);
        CHECK_FALSE(s.rx.finished());
        CHECK(s.rx.wait_readable(2, no_deadline) == status::ok);
        CHECK(s.rx.wait_readable(3, no_deadline) == status::closed);
        CHECK(s.rx.try_pop() == 1);
        CHECK(s.rx.peek().size() == 1);
        CHECK(s.rx.try_pop() == 2);
        CHECK(s.rx.finished());
        CHECK(s.rx.wait_readable(1, no_deadline) == status::closed);
        CHECK(s.rx.wait_readable(0, no_deadline) == status::ok);
        CHECK_FALSE(s.rx.try_pop());
    }
}

FERRULE_FOR_EACH_RING("consumer: after its own close it reads nothing") {
    lives count;
    {
        subject<Config, move_only, 4> s;
        CHECK(s.tx.try_emplace(count, 1U));
        s.rx.close();
        CHECK_FALSE(s.rx.try_pop());
        CHECK_FALSE(s.rx.peek());
        CHECK(s.rx.finished());
        CHECK(s.rx.state() == status::closed);
        CHECK(count.alive == 1);
    }
    CHECK(count.alive == 0);
}
