#include <ferrule/end.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <chrono>
#include <utility>

#include "../support/archetypes.hpp"
#include "../support/dies.hpp"
#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/scripted_platform.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("end: the next claimant goes on where the last one stopped") {
    for (const auto start : starts(4)) {
        CAPTURE(start);
        auto ring = Config::template make<int, 4>(start);
        int sent = 0;
        int got = 0;
        for (int round = 0; round != 9; ++round) {
            {
                auto tx = Config::claim_producer(ring);
                CHECK(tx.try_push(sent++));
                CHECK(tx.try_push(sent++));
                auto moved = std::move(tx);
                CHECK(moved.try_push(sent++));
            }
            auto rx = Config::claim_consumer(ring);
            CHECK(rx.try_pop() == got++);
            CHECK(rx.try_pop() == got++);
            decltype(rx) other;
            other = std::move(rx);
            CHECK(other.try_pop() == got++);
        }
        CHECK(ring.size_guess() == 0);
    }
}

FERRULE_FOR_EACH_RING("end: a second claim is refused while the first end lives") {
    auto ring = Config::template make<int, 4>();
    auto tx = Config::claim_producer(ring);
    auto rx = Config::claim_consumer(ring);
    CHECK(tx);
    CHECK(rx);
    CHECK_FALSE(Config::claim_producer(ring));
    CHECK_FALSE(Config::claim_consumer(ring));
    {
        auto elsewhere = std::move(tx);
        CHECK_FALSE(tx);
        CHECK_FALSE(Config::claim_producer(ring));
    }
    tx = Config::claim_producer(ring);
    CHECK(tx);
    CHECK(tx.try_push(1));
}

FERRULE_FOR_EACH_RING("end: closing outlasts the end that did it") {
    auto ring = Config::template make<int, 4>();
    {
        auto tx = Config::claim_producer(ring);
        CHECK(tx.try_push(1));
        tx.close();
    }
    auto tx = Config::claim_producer(ring);
    CHECK(tx);
    CHECK(tx.state() == status::closed);
    CHECK_FALSE(tx.try_push(2));
    auto rx = Config::claim_consumer(ring);
    CHECK(rx.try_pop() == 1);
    CHECK(rx.finished());
}

FERRULE_FOR_EACH_RING("end: a refused or moved-from end says so when it is called") {
    auto ring = Config::template make<std::byte, 4>();
    auto tx = Config::claim_producer(ring);
    auto rx = Config::claim_consumer(ring);
    auto refused = Config::claim_producer(ring);
    auto elsewhere = std::move(rx);
    std::array<std::byte, 2> two{};
    const char* producer_words = "a producer that was refused, moved from or destroyed cannot be called";
    const char* consumer_words = "a consumer that was refused, moved from or destroyed cannot be called";
    CHECK_DIES(producer_words, (void)refused.try_write(two));
    CHECK_DIES(producer_words, (void)refused.try_push(two[0]));
    CHECK_DIES(producer_words, (void)refused.prepare(1, 1));
    CHECK_DIES(producer_words, (void)refused.prepare(9, 9));
    CHECK_DIES(producer_words, (void)refused.writable_at_least());
    CHECK_DIES(producer_words, (void)refused.wait_writable(1, no_deadline));
    CHECK_DIES(producer_words, refused.close());
    CHECK_DIES(producer_words, refused.publish());
    CHECK_DIES(producer_words, (void)refused.state());
    CHECK_DIES(consumer_words, (void)rx.try_read(two));
    CHECK_DIES(consumer_words, (void)rx.try_pop());
    CHECK_DIES(consumer_words, (void)rx.peek());
    CHECK_DIES(consumer_words, (void)rx.finished());
    CHECK_DIES(consumer_words, (void)rx.wait_readable(0, no_deadline));
}

FERRULE_FOR_EACH_RING("end: a wait for what is there, for nothing, or for what cannot come ends at once") {
    for (const auto start : starts(4)) {
        subject<Config, int, 4> s{start};
        CHECK(s.rx.wait_readable(0, no_deadline) == status::ok);
        CHECK(s.tx.wait_writable(0, no_deadline) == status::ok);
        CHECK(s.tx.wait_writable(4, no_deadline) == status::ok);
        CHECK(s.tx.try_push(1));
        CHECK(s.tx.wait_writable(3, no_deadline) == status::ok);
        s.tx.publish();
        CHECK(s.rx.wait_readable(1, no_deadline) == status::ok);
        CHECK(s.rx.wait_readable(2, std::chrono::steady_clock::now()) == status::timed_out);
        CHECK(s.tx.wait_writable(4, std::chrono::steady_clock::now()) == status::timed_out);
        CHECK(s.tx.wait_writable(5, no_deadline) == status::too_large);
    }
}

// What a look does at each point of the peer's work is tried at every point there is: the script runs the peer's part
// just before the k-th shared_access, for all k.

using scripted_bytes = basic_ring<storage::heap<std::byte>, waiter::spin<>, scripted>;

TEST_CASE("end: wherever the last bytes and the close arrive, finished() does not come before they are read") {
    for (const auto start : starts(4)) {
        for (std::size_t cut = 0; cut != 8; ++cut) {
            CAPTURE(start);
            CAPTURE(cut);
            scripted_bytes ring{4, {}, starting_at{start}};
            auto tx = ring.claim_producer<cursor::cached, guard::none>();
            auto rx = ring.claim_consumer<cursor::cached, guard::none>();
            const auto last_write_and_close = [&](const shared_access& a, std::uint64_t value) {
                if (a.index == cut) {
                    (void)tx.try_push(std::byte{42});
                    tx.close();
                }
                return value;
            };
            const bool finished = scripted::with(last_write_and_close, [&] { return rx.finished() || rx.finished(); });
            CHECK_FALSE(finished);
            if (rx.state() == status::ok) {
                continue;  // This cut lies behind the last shared_access.
            }
            CHECK(rx.try_pop() == std::byte{42});
            CHECK(rx.finished());
        }
    }
}

TEST_CASE("end: wherever the last bytes and the close arrive, a wait reports the bytes first") {
    for (std::size_t cut = 0; cut != 12; ++cut) {
        CAPTURE(cut);
        scripted_bytes ring{4};
        auto tx = ring.claim_producer<cursor::cached, guard::none>();
        auto rx = ring.claim_consumer<cursor::cached, guard::none>();
        const auto last_write_and_close = [&](const shared_access& a, std::uint64_t value) {
            if (a.index == cut) {
                (void)tx.try_push(std::byte{42});
                tx.close();
            }
            return value;
        };
        CHECK(scripted::with(last_write_and_close, [&] { return rx.wait_readable(1, no_deadline); }) == status::ok);
        CHECK(rx.try_pop() == std::byte{42});
        CHECK(rx.wait_readable(1, no_deadline) == status::closed);
    }
}

TEST_CASE("end: a wait spins, then yields, until its deadline on the platform's clock") {
    scripted_bytes ring{4};
    auto rx = ring.claim_consumer<cursor::cached, guard::none>();
    const auto begun = scripted::time;
    const auto yields = scripted::yields;
    const auto a_microsecond_each = [](const shared_access&, std::uint64_t value) {
        scripted::time += std::chrono::microseconds{1};
        return value;
    };
    const auto deadline = begun + std::chrono::milliseconds{1};
    CHECK(scripted::with(a_microsecond_each, [&] { return rx.wait_readable(1, deadline); }) == status::timed_out);
    CHECK(scripted::time >= deadline);
    CHECK(scripted::yields > yields);
}

TEST_CASE("end: a peer's cursor that makes no sense poisons the end for good, and moves nothing") {
    constexpr std::uint64_t capacity = 4;
    for (const auto start : starts(capacity)) {
        // The consumer has read 1 of 3 and knows of 3: the producer's cursor may be 3, 4 or 5 from the start.
        for (std::uint64_t distance = 0; distance != 64; ++distance) {
            for (const bool below : {false, true}) {
                const std::uint64_t value = below ? start - distance : start + distance;
                scripted_bytes ring{capacity, {}, starting_at{start}};
                auto tx = ring.claim_producer<cursor::cached, guard::none>();
                auto rx = ring.claim_consumer<cursor::direct, guard::none>();
                std::array<std::byte, 8> bytes{};
                REQUIRE(tx.try_write(std::span{bytes}.first(3)) == 3);
                REQUIRE(rx.try_read(std::span{bytes}.first(1)) == 1);
                const auto lie = [&](const shared_access& a, std::uint64_t truth) {
                    return a.kind == access_kind::load && a.width == 8 ? value : truth;
                };
                const std::size_t got = scripted::with(lie, [&] { return rx.try_read(bytes); });
                const bool sensible = !below && distance >= 3 && distance <= 5;
                CAPTURE(distance);
                CAPTURE(below);
                CHECK((rx.state() == status::corrupt) == !sensible);
                CHECK(got == (sensible ? distance - 1 : 0));
                if (!sensible) {
                    CHECK(rx.try_read(bytes) == 0);
                    CHECK(rx.finished());
                    CHECK_FALSE(rx.peek());
                    CHECK(rx.wait_readable(1, no_deadline) == status::corrupt);
                    rx.close();
                    CHECK(rx.state() == status::corrupt);
                }
            }
        }
    }
}

TEST_CASE("end: a producer believes no consumer that has read what was never written, or that goes back") {
    for (const auto start : starts(4)) {
        for (const std::uint64_t offset : {std::uint64_t{4}, std::uint64_t{5}, ~std::uint64_t{0}, std::uint64_t{0}}) {
            scripted_bytes ring{4, {}, starting_at{start}};
            auto tx = ring.claim_producer<cursor::direct, guard::none>();
            auto rx = ring.claim_consumer<cursor::direct, guard::none>();
            std::array<std::byte, 4> bytes{};
            REQUIRE(tx.try_write(std::span{bytes}.first(3)) == 3);
            REQUIRE(rx.try_read(std::span{bytes}.first(1)) == 1);
            REQUIRE(tx.writable_at_least() == 2);
            const auto lie = [&](const shared_access& a, std::uint64_t truth) {
                return a.kind == access_kind::load && a.width == 8 ? start + offset : truth;
            };
            CHECK_FALSE(scripted::with(lie, [&] { return tx.try_push(std::byte{1}); }));
            CHECK(tx.state() == status::corrupt);
            CHECK(tx.wait_writable(1, no_deadline) == status::corrupt);
        }
    }
}

TEST_CASE("end: each operation loads the peer's cursor at most once") {
    scripted_bytes ring{4};
    auto tx = ring.claim_producer<cursor::direct, guard::none>();
    auto rx = ring.claim_consumer<cursor::direct, guard::none>();
    std::array<std::byte, 8> bytes{};
    std::size_t loads = 0;
    const auto count_loads = [&](const shared_access& a, std::uint64_t value) {
        loads += a.kind == access_kind::load && a.width == 8 ? 1U : 0U;
        return value;
    };
    const auto loads_of = [&](auto operation) {
        loads = 0;
        scripted::with(count_loads, operation);
        return loads;
    };
    CHECK(loads_of([&] { (void)tx.try_write(bytes); }) == 1);
    CHECK(loads_of([&] { (void)tx.try_write(bytes); }) == 1);
    CHECK(loads_of([&] { (void)tx.try_push(bytes[0]); }) == 1);
    CHECK(loads_of([&] { (void)tx.prepare(1, 8); }) == 1);
    CHECK(loads_of([&] { (void)rx.try_read(bytes); }) == 1);
    CHECK(loads_of([&] { (void)rx.try_read(bytes); }) == 1);
    CHECK(loads_of([&] { (void)rx.try_pop(); }) == 1);
    CHECK(loads_of([&] { (void)rx.peek(); }) == 1);
}

TEST_CASE("end: a cursor policy that holds back publishes when asked, when stuck, before waits, on close, on death") {
    using held = basic_ring<plain_storage<std::byte, 4>, patient>;
    for (const auto start : starts(4)) {
        CAPTURE(start);
        held ring{patient{}, starting_at{start}};
        const auto published = [&] { return ring.size_guess(); };
        const auto now = [] { return std::chrono::steady_clock::now(); };
        std::array<std::byte, 4> bytes{};
        fill_pattern(bytes, 0);
        auto rx = ring.claim_consumer<holds_back, open_guard>();
        {
            auto tx = ring.claim_producer<holds_back, open_guard>();
            CHECK(tx.try_push(bytes[0]));
            CHECK(published() == 0);
            CHECK(rx.readable_at_least() == 0);
            tx.publish();
            CHECK(published() == 1);
            CHECK(tx.try_push(bytes[1]));
            CHECK(tx.wait_writable(4, now()) == status::timed_out);
            CHECK(published() == 2);
            CHECK(tx.try_write(std::span{bytes}.subspan(2)) == 2);
            CHECK(published() == 2);
            CHECK_FALSE(tx.try_push(bytes[0]));
            CHECK(published() == 4);
        }
        std::array<std::byte, 4> got{};
        CHECK(rx.try_read(std::span{got}.first(3)) == 3);
        CHECK(published() == 4);
        CHECK(rx.wait_readable(2, now()) == status::timed_out);
        CHECK(published() == 1);
        CHECK(rx.try_pop() == bytes[3]);
        CHECK(published() == 1);
        CHECK_FALSE(rx.try_pop());
        CHECK(published() == 0);
        CHECK(is_pattern(std::span{got}.first(3), 0));
        {
            auto tx = ring.claim_producer<holds_back, open_guard>();
            CHECK(tx.try_push(bytes[0]));
            CHECK(published() == 0);
        }
        CHECK(published() == 1);
        auto tx = ring.claim_producer<holds_back, open_guard>();
        CHECK(tx.try_push(bytes[1]));
        tx.close();
        CHECK(published() == 2);
        CHECK(rx.try_pop() == bytes[0]);
        CHECK(rx.try_pop() == bytes[1]);
        CHECK(rx.finished());
    }
}
