#include <ferrule/producer.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <stdexcept>
#include <vector>

#include "../support/dies.hpp"
#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/tracked.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("producer: try_write writes the prefix that fits, and every slot is usable") {
    for (const auto start : starts(8)) {
        CAPTURE(start);
        for (std::size_t already = 0; already <= 8; ++already) {
            for (std::size_t n = 0; n <= 10; ++n) {
                subject<Config, std::byte, 8> s{start};
                std::array<std::byte, 18> sent{};
                fill_pattern(sent, start);
                REQUIRE(s.tx.try_write(std::span{sent}.first(already)) == already);
                const std::size_t fits = std::min(n, 8 - already);
                CHECK(s.tx.try_write(std::span{sent}.subspan(already, n)) == fits);
                CHECK(s.tx.writable_at_least() == 8 - already - fits);
                s.tx.publish();
                std::array<std::byte, 8> got{};
                CHECK(s.rx.try_read(got) == already + fits);
                CHECK(is_pattern(std::span{got}.first(already + fits), start));
            }
        }
    }
}

FERRULE_FOR_EACH_RING("producer: a full ring takes nothing, and room that was made is found") {
    for (const auto start : starts(4)) {
        CAPTURE(start);
        subject<Config, int, 4> s{start};
        for (int i = 0; i != 4; ++i) {
            CHECK(s.tx.try_push(i));
        }
        CHECK_FALSE(s.tx.try_push(4));
        CHECK(s.tx.state() == status::ok);
        CHECK(s.tx.writable_at_least() == 0);
        CHECK(s.rx.try_pop() == 0);
        s.rx.publish();
        CHECK(s.tx.writable_at_least() == 1);
        CHECK(s.tx.try_push(4));
        CHECK_FALSE(s.tx.try_push(5));
    }
}

FERRULE_FOR_EACH_RING("producer: a grant is the next slots in order, and commit publishes a prefix of it") {
    for (const auto start : starts(8)) {
        CAPTURE(start);
        for (std::size_t asked = 1; asked <= 8; ++asked) {
            for (std::size_t committed = 0; committed <= asked; ++committed) {
                subject<Config, std::byte, 8> s{start};
                std::array<std::byte, 8> got{};
                {
                    auto grant = s.tx.prepare(asked, asked);
                    REQUIRE(grant);
                    REQUIRE(grant.size() == asked);
                    for (std::size_t i = 0; i != asked; ++i) {
                        grant.parts()[i] = pattern_byte(start + i);
                    }
                    CHECK(s.rx.try_read(got) == 0);
                    grant.commit(committed);
                    CHECK_FALSE(grant);
                    CHECK(grant.size() == 0);
                }
                s.tx.publish();
                CHECK(s.rx.try_read(got) == committed);
                CHECK(is_pattern(std::span{got}.first(committed), start));
                s.rx.publish();
                CHECK(s.tx.writable_at_least() == 8);
            }
        }
    }
}

FERRULE_FOR_EACH_RING("producer: a dropped grant publishes nothing") {
    for (const auto start : starts(8)) {
        subject<Config, std::byte, 8> s{start};
        {
            auto grant = s.tx.prepare(3, 3);
            grant.parts()[0] = std::byte{1};
            auto moved = std::move(grant);
            CHECK_FALSE(grant);
            CHECK(moved);
        }
        CHECK(s.rx.readable_at_least() == 0);
        CHECK(s.tx.writable_at_least() == 8);
    }
}

FERRULE_FOR_EACH_RING("producer: prepare gives at least min and at most max, or a grant that is false") {
    subject<Config, std::byte, 8> s{7};
    std::array<std::byte, 6> six{};
    REQUIRE(s.tx.try_write(six) == 6);
    CHECK(s.tx.prepare(1, 1).size() == 1);
    CHECK(s.tx.prepare(1, 8).size() == 2);
    CHECK(s.tx.prepare(0, 100).size() == 2);
    CHECK(s.tx.prepare(2, 2).size() == 2);
    CHECK_FALSE(s.tx.prepare(3, 8));
    CHECK(s.tx.state() == status::ok);
    CHECK_FALSE(s.tx.prepare(0, 0));
}

FERRULE_FOR_EACH_RING("producer: more than the capacity is refused at once, and said so until the next look") {
    subject<Config, std::byte, 8> s;
    CHECK_FALSE(s.tx.prepare(9, 9));
    CHECK(s.tx.state() == status::too_large);
    CHECK(s.tx.wait_writable(9, no_deadline) == status::too_large);
    std::array<std::byte, 9> nine{};
    CHECK(s.tx.try_write(nine) == 8);
    CHECK(s.tx.try_write(nine) == 0);
    CHECK(s.tx.state() == status::ok);
}

FERRULE_FOR_EACH_RING("producer: misuse of a grant is diagnosed") {
    subject<Config, std::byte, 8> s;
    CHECK_DIES("commit() of more than was prepared", s.tx.prepare(1, 2).commit(3));
    CHECK_DIES("commit() of more than was prepared", auto g = s.tx.prepare(1, 2); g.commit(1); g.commit(1));
    CHECK_DIES("prepare(min, max) with max less than min", (void)s.tx.prepare(2, 1));
}

FERRULE_FOR_EACH_RING("producer: an element is moved from only if it went in") {
    for (const auto start : starts(2)) {
        lives count;
        {
            subject<Config, move_only, 2> s{start};
            move_only kept{count, 3};
            CHECK(s.tx.try_push(move_only{count, 1}));
            CHECK(s.tx.try_emplace(count, 2U));
            CHECK_FALSE(s.tx.try_push(std::move(kept)));
            CHECK(kept.value() == 3);
            CHECK(s.rx.try_pop()->value() == 1);
            s.rx.publish();
            CHECK(s.tx.try_push(std::move(kept)));
            s.tx.publish();
            CHECK(s.rx.try_pop()->value() == 2);
            CHECK(s.rx.try_pop()->value() == 3);
        }
        CHECK(count.alive == 0);
        CHECK(count.misused == 0);
    }
}

FERRULE_FOR_EACH_RING("producer: pushing costs one construction, pushing a named value one copy") {
    lives count;
    subject<Config, copyable, 4> s;
    const copyable named{count, 1};
    CHECK(s.tx.try_push(named));
    CHECK(count.constructed == 2);
    CHECK(count.copied == 1);
    CHECK(count.moved == 0);
    CHECK(s.tx.try_emplace(count, 2U));
    CHECK(count.constructed == 3);
    CHECK(count.moved == 0);
    CHECK(s.tx.try_push(copyable{count, 3}));
    CHECK(count.constructed == 5);
    CHECK(count.moved == 1);
}

FERRULE_FOR_EACH_RING("producer: a constructor that throws publishes nothing and leaves the end usable") {
    struct fussy {
        explicit fussy(int v) : value{v} {
            if (v < 0) {
                throw std::runtime_error{"no"};
            }
        }
        int value;
    };
    subject<Config, fussy, 2> s;
    CHECK_THROWS_AS((void)s.tx.try_emplace(-1), std::runtime_error);
    CHECK(s.rx.readable_at_least() == 0);
    CHECK(s.tx.try_emplace(5));
    s.tx.publish();
    CHECK(s.rx.try_pop()->value == 5);
}

FERRULE_FOR_EACH_RING("producer: a closed consumer ends writing at the next look, for good") {
    subject<Config, int, 2> s;
    CHECK(s.tx.try_push(1));
    s.rx.close();
    CHECK(s.tx.state() == status::closed);
    (void)s.tx.try_push(2);
    CHECK_FALSE(s.tx.try_push(3));
    CHECK_FALSE(s.tx.prepare(1, 1));
    CHECK(s.tx.wait_writable(2, no_deadline) == status::closed);
    CHECK(s.tx.writable_at_least() == 0);
    CHECK(s.tx.state() == status::closed);
}

FERRULE_FOR_EACH_RING("producer: after its own close it writes nothing") {
    subject<Config, int, 2> s;
    CHECK(s.tx.try_push(1));
    s.tx.close();
    CHECK(s.tx.state() == status::closed);
    CHECK_FALSE(s.tx.try_push(2));
    CHECK(s.tx.wait_writable(1, no_deadline) == status::closed);
    s.tx.close();
    CHECK(s.rx.try_pop() == 1);
    CHECK(s.rx.finished());
}
