#include <ferrule/storage/shared.hpp>
// The header under test comes first: it must stand alone.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/held.hpp"
#include "../../support/pattern.hpp"

using namespace ferrule;
using namespace ferrule::test;

static_assert(shared_storage<storage::shared<std::byte>>);
static_assert(!shared_storage<storage::heap<std::byte>>);
static_assert(std::is_nothrow_move_constructible_v<storage::shared<int>>);
static_assert(!std::is_copy_constructible_v<storage::shared<int>>);

namespace {

template <class T>
struct both {
    storage::shared<T> maker;
    storage::shared<T> other;
};

/// Both sides' memory, in one process.
template <class T = std::byte>
both<T> share(std::size_t capacity, role maker = role::producer) {
    auto made = storage::shared<T>::create(capacity, maker);
    REQUIRE(made);
    auto taken = storage::shared<T>::attach(unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)}, other(maker));
    REQUIRE_MESSAGE(taken, taken.error().message());
    return {std::move(*made), std::move(*taken)};
}

struct odd {
    std::array<unsigned char, 12> bytes;
    bool operator==(const odd&) const = default;
};

}  // namespace

TEST_CASE("shared: either end may be the maker's, and a stream arrives in order") {
    for (const role maker : {role::producer, role::consumer}) {
        for (const std::size_t capacity : {1U, 2U, 64U, 4096U, 1U << 17U}) {
            CAPTURE(capacity);
            auto memory = share(capacity, maker);
            shared_ring<> mine{std::move(memory.maker)};
            shared_ring<> theirs{std::move(memory.other)};
            auto tx = (maker == role::producer ? mine : theirs).claim_producer();
            auto rx = (maker == role::producer ? theirs : mine).claim_consumer();
            REQUIRE(tx);
            REQUIRE(rx);
            CHECK(tx.capacity() == capacity);
            CHECK(rx.capacity() == capacity);
            std::array<std::byte, 100> piece{};
            std::uint64_t written = 0;
            std::uint64_t read = 0;
            bool good = true;
            while (read < 10'000) {
                fill_pattern(piece, written);
                written += tx.try_write(piece);
                std::array<std::byte, 77> got{};
                const std::size_t n = rx.try_read(got);
                good = good && is_pattern(std::span{got}.first(n), read);
                read += n;
            }
            CHECK(good);
            tx.close();
            while (!rx.finished()) {
                std::array<std::byte, 100> rest{};
                const std::size_t n = rx.try_read(rest);
                good = good && is_pattern(std::span{rest}.first(n), read);
                read += n;
            }
            CHECK(good);
            CHECK(read == written);
        }
    }
}

TEST_CASE("shared: elements of any size, across the end of the slots") {
    auto memory = share<odd>(4);
    shared_ring<odd> mine{std::move(memory.maker)};
    shared_ring<odd> theirs{std::move(memory.other)};
    auto tx = mine.claim_producer();
    auto rx = theirs.claim_consumer();
    for (unsigned char i = 0; i != 200; ++i) {
        odd element{};
        element.bytes.fill(i);
        REQUIRE(tx.try_push(element));
        if (i >= 2) {
            odd oldest{};
            oldest.bytes.fill(static_cast<unsigned char>(i - 2));
            CHECK(rx.try_pop() == oldest);
        }
    }
}

TEST_CASE("shared: a process has the end it made or asked for, and no other") {
    for (const role maker : {role::producer, role::consumer}) {
        auto memory = share(64, maker);
        CHECK(memory.maker.mine() == maker);
        CHECK(memory.other.mine() == other(maker));
        shared_ring<> mine{std::move(memory.maker)};
        shared_ring<> theirs{std::move(memory.other)};
        CHECK(static_cast<bool>(mine.claim_producer()) == (maker == role::producer));
        CHECK(static_cast<bool>(mine.claim_consumer()) == (maker == role::consumer));
        CHECK(static_cast<bool>(theirs.claim_producer()) == (maker == role::consumer));
        CHECK(static_cast<bool>(theirs.claim_consumer()) == (maker == role::producer));
        auto first = mine.claim_producer();
        auto second = mine.claim_producer();
        CHECK(!second);
    }
}

TEST_CASE("shared: an end that is claimed again goes on where the last one stopped") {
    auto memory = share(8);
    shared_ring<> mine{std::move(memory.maker)};
    shared_ring<> theirs{std::move(memory.other)};
    std::uint64_t at = 0;
    for (int round = 0; round != 20; ++round) {
        std::array<std::byte, 5> piece{};
        fill_pattern(piece, at);
        CHECK(mine.claim_producer().try_write(piece) == 5);
        std::array<std::byte, 5> got{};
        CHECK(theirs.claim_consumer().try_read(got) == 5);
        CHECK(is_pattern(got, at));
        at += 5;
    }
}

TEST_CASE("shared: an impossible capacity is refused") {
    const held before = holds();
    for (const std::size_t capacity :
         {std::size_t{0}, std::size_t{3}, std::size_t{5000}, std::size_t{1} << 41U, std::size_t{1} << 63U}) {
        CAPTURE(capacity);
        const auto made = storage::shared<std::byte>::create(capacity, role::producer);
        REQUIRE(!made);
        CHECK(made.error() == refusal::wrong_capacity);
    }
    CHECK(holds() == before);
}

TEST_CASE("shared: a shared ring starts at 0") {
    auto made = storage::shared<std::byte>::create(8, role::producer);
    REQUIRE(made);
    CHECK_THROWS_WITH_AS((shared_ring<>{std::move(*made), shared_waiter{}, starting_at{1}}),
                         "ferrule: a shared ring starts at 0", std::invalid_argument);
}

TEST_CASE("shared: the footprint is two pages and the elements in whole pages, as large as the memory is") {
    const std::size_t page = ferrule::detail::page_size();
    CHECK(storage::shared<std::byte>::footprint(1) == 3 * page);
    CHECK(storage::shared<std::byte>::footprint(page) == 3 * page);
    CHECK(storage::shared<std::byte>::footprint(2 * page) == 4 * page);
    CHECK(storage::shared<odd>::footprint(page) == 14 * page);
    for (const std::size_t capacity : {1U, 4096U, 1U << 20U}) {
        const auto made = storage::shared<odd>::create(capacity, role::consumer);
        REQUIRE(made);
        struct ::stat file {};
        REQUIRE(::fstat(made->fd(), &file) == 0);
        CHECK(static_cast<std::size_t>(file.st_size) == storage::shared<odd>::footprint(capacity));
    }
}

TEST_CASE("shared: memory that was moved stays where it is, and goes with its last owner") {
    const held before = holds();
    {
        auto memory = share(64);
        std::byte* const at = memory.maker.data();
        const held with_both = holds();
        const std::size_t one = storage::shared<std::byte>::footprint(64);
        CHECK(with_both.shared_bytes == before.shared_bytes + 2 * one);
        CHECK(with_both.descriptors == before.descriptors + 1);
        storage::shared<std::byte> moved{std::move(memory.maker)};
        CHECK(moved.data() == at);
        CHECK(moved.geometry().capacity() == 64);
        CHECK(holds() == with_both);
        memory.maker = std::move(moved);
        CHECK(memory.maker.data() == at);
        CHECK(holds() == with_both);
        memory.maker.close_fd();
        CHECK(memory.maker.fd() == -1);
        CHECK(holds().descriptors == before.descriptors);
        memory.maker = storage::shared<std::byte>{};
        CHECK(holds().shared_bytes == before.shared_bytes + one);
    }
    CHECK(holds() == before);
}

TEST_CASE("shared: neither side can write to what the other says, nor the consumer to the elements") {
    auto memory = share(4096);
    const auto writable = [](const void* at) {
        std::ifstream maps{"/proc/self/maps"};
        for (std::string line; std::getline(maps, line);) {
            std::size_t used = 0;
            const auto from = std::stoull(line, &used, 16);
            const auto to = std::stoull(line.substr(used + 1), nullptr, 16);
            const auto address = reinterpret_cast<std::uintptr_t>(at);
            if (address >= from && address < to) {
                return line[line.find(' ') + 2] == 'w';
            }
        }
        return false;
    };
    using native = ferrule::detail::native;
    for (const role whose : {role::producer, role::consumer}) {
        CHECK(writable(&memory.maker.announcement_of<native>(whose)) == (whose == role::producer));
        CHECK(writable(&memory.other.announcement_of<native>(whose)) == (whose == role::consumer));
    }
    CHECK(writable(memory.maker.data()));
    CHECK(!writable(memory.other.data()));
}

TEST_CASE("shared: the memory is sealed, has no name, and is not executable or inherited by a new program") {
    const auto made = storage::shared<std::byte>::create(64, role::producer);
    REQUIRE(made);
    constexpr int final = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    CHECK((::fcntl(made->fd(), F_GET_SEALS) & final) == final);
    CHECK(::ftruncate(made->fd(), 0) != 0);
    CHECK(::ftruncate(made->fd(), 1 << 20U) != 0);
    CHECK((::fcntl(made->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    struct ::stat file {};
    REQUIRE(::fstat(made->fd(), &file) == 0);
    CHECK(file.st_nlink == 0);
}

TEST_CASE("shared: a peer is watched only if there is a descriptor to watch it by") {
    auto memory = share(64);
    CHECK(!memory.maker.peer_is_gone());
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    memory.maker.watch_peer(unique_fd{ends[0]});
    CHECK(!memory.maker.peer_is_gone());
    ::close(ends[1]);
    CHECK(memory.maker.peer_is_gone());
}
