// A stranger's descriptor, whatever it is: a typed refusal, nothing mapped, nothing left open. And what a stranger can
// do to the memory afterwards.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/held.hpp"
#include "../support/in_child.hpp"
#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/strangers.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using memory_of_bytes = storage::shared<std::byte>;

constexpr std::size_t capacity = strangers::capacity;

/// A ring that is in order, made by a producer.
[[nodiscard]] unique_fd good_ring() {
    const auto made = memory_of_bytes::create(capacity, role::producer);
    REQUIRE(made);
    return unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)};
}

[[nodiscard]] const strangers& of_rings() {
    static const strangers all{good_ring, memory_of_bytes::footprint(capacity)};
    return all;
}

}  // namespace

TEST_CASE("descriptors: whatever a stranger sends is refused with its reason, and nothing of it is kept") {
    const held before = holds();
    std::size_t refused = 0;
    for (const auto& stranger : of_rings().all()) {
        CAPTURE(std::string{stranger.what});
        auto fd = stranger.make();
        const bool is_none = std::string_view{stranger.what} == "none";
        if (!fd && !is_none) {
            MESSAGE("not to be had here: ", stranger.what);
            continue;
        }
        const auto attached = memory_of_bytes::attach(std::move(fd), role::consumer);
        CHECK(!attached);
        CHECK_MESSAGE(attached.error() == stranger.expected, attached.error().message());
        ++refused;
    }
    CHECK(holds() == before);
    CHECK(refused >= 40);
    std::printf("process: %zu hostile descriptors refused, 0 mapped, 0 left open\n", refused);
}

TEST_CASE("descriptors: the ring that all of them are made from is taken") {
    const held before = holds();
    {
        CHECK(memory_of_bytes::attach(good_ring(), role::consumer));
        CHECK(memory_of_bytes::attach(of_rings().memory(memory_of_bytes::footprint(capacity), final_size),
                                      role::consumer));
        CHECK(memory_of_bytes::attach(good_ring(), role::producer).error() == refusal::wrong_end);
    }
    CHECK(holds() == before);
}

TEST_CASE("descriptors: a stranger that cuts and changes the memory while it is being taken") {
    const watchdog dog{"attaching to memory that changes"};
    // A fault would be the end of the child.
    const std::string how = in_child([] {
        std::vector<unique_fd> ours;
        std::vector<unique_fd> theirs;
        for (int i = 0; i != 200; ++i) {
            ours.push_back(i % 2 == 0 ? good_ring() : of_rings().memory(memory_of_bytes::footprint(capacity), 0));
            theirs.push_back(unique_fd{::dup(ours.back().get())});
        }
        const held before = holds();
        std::atomic<std::size_t> target{0};
        std::atomic<std::uint64_t> changes{0};
        std::thread stranger{[&] {
            for (std::size_t at = 0; (at = target) != theirs.size(); ++changes) {
                const int fd = theirs[at].get();
                const std::uint64_t word = pattern_word(changes);
                (void)!::ftruncate(fd, static_cast<::off_t>(word % 32768));
                (void)!::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
                const storage::shared_header lie{0x72'65'6c'75'72'72'65'66, word, word, word, word, word};
                (void)!::pwrite(fd, &lie, sizeof lie, 0);
                if (word % 4 == 0) {
                    (void)!::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
                }
            }
        }};
        bool good = true;
        for (std::size_t i = 0; i != ours.size(); ++i) {
            for (int again = 0; again != 4; ++again) {
                auto attached =
                    memory_of_bytes::attach(unique_fd{::fcntl(ours[i].get(), F_DUPFD_CLOEXEC, 0)}, role::consumer);
                if (attached) {
                    shared_ring<> ring{std::move(*attached)};
                    std::array<std::byte, 100> got{};
                    good = good && ring.capacity() == capacity && ring.claim_consumer().try_read(got) <= got.size();
                }
                // The stranger has had its way with it in between.
                for (const auto seen = changes.load(); changes - seen < 2;) {
                    std::this_thread::yield();
                }
            }
            target = i + 1;
        }
        stranger.join();
        const held after = holds();
        return !good ? 2 : after.shared_bytes == before.shared_bytes && after.descriptors == before.descriptors ? 0 : 1;
    });
    CHECK(how == "exit 0");
}

namespace {

/// More than a ring of 16384 holds, so that a cursor of 0 is one that went back.
constexpr std::size_t enough_to_go_back_from = 50'000;

/// Uses its end of the ring and gives its memory away, again and again; all of it at last.
int punch_holes(memory_of_bytes memory, int fd, int socket) {
    const auto all = static_cast<::off_t>(memory_of_bytes::footprint(memory.geometry().capacity()));
    const auto page = static_cast<::off_t>(ferrule::detail::page_size());
    shared_ring<> ring{std::move(memory)};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    std::array<std::byte, 3000> piece{};
    for (std::size_t moved = 0; moved < enough_to_go_back_from;) {
        const std::size_t n = tx ? tx.try_write(piece) : rx.try_read(piece);
        moved += n;
        if (n == 0) {
            (void)(tx ? tx.wait_writable(1, no_deadline) : rx.wait_readable(1, no_deadline));
        }
    }
    for (std::uint64_t i = 0; i != 4097; ++i) {
        (void)(tx ? tx.try_write(piece) : rx.try_read(piece));
        if (i % 16 == 0) {
            const bool everything = i % 1024 == 0;
            const auto at = static_cast<::off_t>(pattern_word(i) % static_cast<std::uint64_t>(all / page)) * page;
            (void)!::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, everything ? 0 : at,
                               everything ? all : page);
        }
    }
    return say(socket) && hear(socket) ? 0 : 1;
}

}  // namespace

TEST_CASE("descriptors: a peer that punches holes everywhere in mid-stream can spoil the stream and nothing else") {
    const watchdog dog{"a stream in memory with holes"};
    for (int round = 0; round != 20; ++round) {
        const role mine = round % 2 == 0 ? role::producer : role::consumer;
        auto made = memory_of_bytes::create(16384, mine);
        REQUIRE(made);
        other_process peer{[&](int socket) {
            const int fd = ::dup(made->fd());
            auto theirs = memory_of_bytes::attach(unique_fd{::dup(fd)}, other(mine));
            return theirs ? punch_holes(std::move(*theirs), fd, socket) : 1;
        }};
        made->watch_peer(peer.life());
        // A fault would be the end of this process.
        shared_ring<> ring{std::move(*made)};
        auto tx = ring.claim_producer();
        auto rx = ring.claim_consumer();
        std::array<std::byte, 5000> piece{};
        std::size_t most = 0;
        std::size_t moved = 0;
        status state = status::ok;
        const auto move_some = [&] {
            const std::size_t n = tx ? tx.try_write(piece) : rx.try_read(piece);
            most = std::max(most, n);
            moved += n;
            if (n == 0) {
                const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{1};
                state = tx ? tx.wait_writable(1, soon) : rx.wait_readable(1, soon);
            }
        };
        for (int i = 0; i < 200 || (moved < enough_to_go_back_from && state != status::corrupt); ++i) {
            move_some();
        }
        REQUIRE(hear(peer.socket()));
        // Nobody changes anything any more, and what the peer said is 0.
        move_some();
        most = std::max(most, tx ? tx.writable_at_least() : rx.readable_at_least());
        CHECK((tx ? tx.state() : rx.state()) == status::corrupt);
        REQUIRE(say(peer.socket()));
        CHECK(peer.outcome() == "exit 0");
        CHECK(most <= ring.capacity());
    }
}
