// What a ring costs that nobody uses: the kernel's own count of the pages that its memory has.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

[[nodiscard]] std::size_t charged(int fd) {
    struct ::stat file {};
    REQUIRE(::fstat(fd, &file) == 0);
    return static_cast<std::size_t>(file.st_blocks) * 512;
}

/// Passes `size` bytes on when it is told to, and says so.
int reader(int socket, std::uint64_t size) {
    auto memory = take_from(socket, role::consumer);
    if (!memory) {
        return 1;
    }
    shared_ring<> ring{std::move(*memory)};
    auto rx = ring.claim_consumer();
    if (rx.readable_at_least() != 0 || !say(socket)) {
        return 2;
    }
    std::array<std::byte, 5000> piece{};
    for (std::uint64_t read = 0; read != size;) {
        const std::size_t n = rx.try_read(piece);
        if (n == 0 && rx.wait_readable(1, no_deadline) != status::ok) {
            return 3;
        }
        if (!is_pattern(std::span{piece}.first(n), read)) {
            return 4;
        }
        read += n;
    }
    return say(socket) && hear(socket) && rx.readable_at_least() == 0 && say(socket) && hear(socket) ? 0 : 5;
}

}  // namespace

TEST_CASE("idle: a ring is charged two pages before there is traffic, and again after trim()") {
    const watchdog dog{"an idle ring"};
    const std::size_t page = ferrule::detail::page_size();
    for (const std::size_t capacity : {std::size_t{64}, std::size_t{1} << 16U, std::size_t{1} << 20U}) {
        CAPTURE(capacity);
        const std::uint64_t size = 3 * capacity + 1001;
        other_process peer{[&](int socket) { return reader(socket, size); }};
        auto memory = storage::shared<std::byte>::create(capacity, role::producer);
        REQUIRE(memory);
        const unique_fd fd{::fcntl(memory->fd(), F_DUPFD_CLOEXEC, 0)};
        REQUIRE(net::send_descriptor(peer.socket(), fd.get()));
        memory->close_fd();
        memory->watch_peer(peer.life());
        shared_ring<> ring{std::move(*memory)};
        auto tx = ring.claim_producer();
        REQUIRE(hear(peer.socket()));
        CHECK(tx.writable_at_least() == capacity);
        const std::size_t before = charged(fd.get());
        CHECK(before <= 2 * page);

        std::array<std::byte, 3000> piece{};
        for (std::uint64_t written = 0; written != size;) {
            const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - written));
            fill_pattern(std::span{piece}.first(n), written);
            const std::size_t done = tx.try_write(std::span{piece}.first(n));
            written += done;
            REQUIRE((done != 0 || tx.wait_writable(1, no_deadline) == status::ok));
        }
        REQUIRE(hear(peer.socket()));
        const std::size_t busy = charged(fd.get());
        CHECK(busy == storage::shared<std::byte>::footprint(capacity));
        tx.trim();
        REQUIRE(say(peer.socket()));
        REQUIRE(hear(peer.socket()));
        const std::size_t after = charged(fd.get());
        CHECK(after <= 2 * page);
        std::printf("process: a ring of %zu bytes is charged %zu bytes idle, %zu busy, %zu trimmed\n", capacity, before,
                    busy, after);
        REQUIRE(say(peer.socket()));
        CHECK(peer.outcome() == "exit 0");
    }
}

TEST_CASE("idle: trim() gives back what is free and nothing else, wherever the stream stands") {
    const std::size_t page = ferrule::detail::page_size();
    const std::size_t capacity = 8 * page;
    for (const std::size_t start : {std::size_t{0}, page, page + 1, 5 * page + 77, 8 * page - 1}) {
        for (const std::size_t left : {std::size_t{1}, page, 3 * page + 5, capacity}) {
            CAPTURE(start);
            CAPTURE(left);
            auto made = storage::shared<std::byte>::create(capacity, role::producer);
            REQUIRE(made);
            auto taken =
                storage::shared<std::byte>::attach(unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)}, role::consumer);
            REQUIRE(taken);
            shared_ring<> ring{std::move(*made)};
            shared_ring<> theirs{std::move(*taken)};
            auto tx = ring.claim_producer();
            auto rx = theirs.claim_consumer();
            std::vector<std::byte> bytes(capacity);
            CHECK(tx.try_write(bytes) == capacity);
            CHECK(rx.try_read(bytes) == capacity);
            CHECK(tx.try_write(std::span{bytes}.first(start)) == start);
            CHECK(rx.try_read(std::span{bytes}.first(start)) == start);
            fill_pattern(bytes, 0);
            CHECK(tx.try_write(std::span{bytes}.first(left)) == left);
            tx.trim();
            CHECK(charged(ring.storage().fd()) <= 2 * page + (left + page - 1) / page * page + page);
            std::vector<std::byte> got(capacity);
            CHECK(rx.try_read(got) == left);
            CHECK(is_pattern(std::span{got}.first(left), 0));
            CHECK(tx.try_write(bytes) == capacity);
            CHECK(rx.try_read(got) == capacity);
            CHECK(is_pattern(got, 0));
        }
    }
}
