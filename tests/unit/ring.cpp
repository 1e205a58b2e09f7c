#include <ferrule/ring.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <optional>

#include "../support/dies.hpp"
#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/tracked.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("ring: a capacity of one works") {
    for (const auto start : starts(1)) {
        CAPTURE(start);
        subject<Config, std::byte, 1> s{start};
        CHECK(s.ring.capacity() == 1);
        for (std::uint64_t i = 0; i != 20; ++i) {
            CHECK(s.tx.wait_writable(1, no_deadline) == status::ok);
            CHECK(s.tx.try_push(pattern_byte(i)));
            CHECK_FALSE(s.tx.try_push(std::byte{}));
            CHECK(s.rx.try_pop() == pattern_byte(i));
            CHECK_FALSE(s.rx.try_pop());
        }
    }
}

FERRULE_FOR_EACH_RING("ring: a stream stays in order over many wraps, whatever the chunks") {
    for (const auto start : starts(16)) {
        CAPTURE(start);
        subject<Config, std::byte, 16> s{start};
        std::uint64_t sent = 0;
        std::uint64_t got = 0;
        std::array<std::byte, 20> chunk{};
        for (std::size_t round = 0; round != 400; ++round) {
            const auto out = std::span{chunk}.first(round * 7 % 20);
            fill_pattern(out, sent);
            sent += s.tx.try_write(out);
            const std::size_t n = s.rx.try_read(std::span{chunk}.first(round * 5 % 19));
            CHECK(is_pattern(std::span{chunk}.first(n), got));
            got += n;
            if (round % 3 == 0) {
                s.tx.publish();
                s.rx.publish();
                CHECK(s.ring.size_guess() == sent - got);
            }
        }
        CHECK(sent > 1000);
    }
}

FERRULE_FOR_EACH_RING("ring: what nobody took is destroyed with it, exactly once") {
    for (const auto start : starts(4)) {
        for (unsigned left = 0; left <= 4; ++left) {
            lives count;
            {
                auto ring = Config::template make<move_only, 4>(start);
                auto tx = Config::claim_producer(ring);
                auto rx = Config::claim_consumer(ring);
                CHECK(tx.try_emplace(count, 0U));
                tx.publish();
                CHECK(rx.try_pop());
                rx.publish();
                for (unsigned i = 0; i != left; ++i) {
                    CHECK(tx.try_emplace(count, i));
                }
                CHECK(count.alive == static_cast<int>(left));
            }
            CHECK(count.alive == 0);
            CHECK(count.misused == 0);
            CHECK(count.constructed == count.destroyed);
        }
    }
}

FERRULE_FOR_EACH_RING("ring: dying before its ends is diagnosed") {
    using ring_type = typename Config::template ring<int, 4>;
    std::optional<ring_type> ring;
    if constexpr (std::default_initializable<typename ring_type::storage_type>) {
        ring.emplace();
    } else {
        ring.emplace(4U);
    }
    {
        auto tx = Config::claim_producer(*ring);
        CHECK_DIES("a ring was destroyed while its producer lives", ring.reset());
    }
    {
        auto rx = Config::claim_consumer(*ring);
        CHECK_DIES("a ring was destroyed while its consumer lives", ring.reset());
    }
    ring.reset();
}

TEST_CASE("ring: a capacity that is no power of two throws from the ring's constructor") {
    CHECK_THROWS_WITH_AS(heap_ring<>{12}, "ferrule: capacity 12 is no power of two; the nearest are 8 and 16",
                         std::invalid_argument);
}
