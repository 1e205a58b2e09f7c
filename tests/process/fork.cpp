// Children: one that was forked has no part in a ring, one that runs another program knows nothing of it. And nothing
// of a ring stays when it is gone.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/held.hpp"
#include "../support/in_child.hpp"
#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

#if defined(__x86_64__)
[[nodiscard]] int times(int in_short, int in_long) {
    return std::getenv("FERRULE_LONG") != nullptr ? in_long : in_short;
}

/// Sends back what it reads, until there is no more.
int echo(int socket) {
    auto in = take_from(socket, role::consumer);
    auto out = take_from(socket, role::producer);
    if (!in || !out) {
        return 1;
    }
    shared_ring<> from{std::move(*in)};
    shared_ring<> to{std::move(*out)};
    auto rx = from.claim_consumer();
    auto tx = to.claim_producer();
    std::array<std::byte, 100> piece{};
    while (rx.wait_readable(1, no_deadline) == status::ok) {
        const std::size_t n = rx.try_read(piece);
        for (std::size_t done = 0; done != n;) {
            done += tx.try_write(std::span{piece}.subspan(done, n - done));
            if (done != n && tx.wait_writable(1, no_deadline) != status::ok) {
                return 2;
            }
        }
    }
    tx.close();
    return 0;
}

const char* const faults = "signal 11";
#endif

}  // namespace

#if defined(__x86_64__)  // Not under an emulator, which does not pass MADV_DONTFORK on.

TEST_CASE("fork: a child that uses an end faults, and the parent's stream goes on as if it had not been") {
    const watchdog dog{"a stream with children"};
    other_process peer{echo};
    auto out = make_for(peer.socket(), 4096, role::producer);
    auto in = make_for(peer.socket(), 4096, role::consumer);
    REQUIRE(out);
    REQUIRE(in);
    out->watch_peer(peer.life());
    in->watch_peer(peer.life());
    shared_ring<> to{std::move(*out)};
    shared_ring<> from{std::move(*in)};
    auto tx = to.claim_producer();
    auto rx = from.claim_consumer();
    const int forks = times(100, 1000);
    std::uint64_t at = 0;
    bool in_order = true;
    for (int i = 0; i != forks; ++i) {
        std::array<std::byte, 999> piece{};
        fill_pattern(piece, at);
        REQUIRE(tx.try_write(piece) == piece.size());
        const std::string how = in_child([&]() -> int {
            std::array<std::byte, 64> garbage{};
            switch (i % 7) {
                case 0:
                    return static_cast<int>(tx.try_write(garbage));
                case 1:
                    return static_cast<int>(rx.try_read(garbage));
                case 2:
                    tx.close();
                    return 1;
                case 3:
                    return static_cast<int>(rx.wait_readable(4096, no_deadline));
                case 4: {
                    auto grant = tx.prepare(1, 64);
                    grant.parts()[0] = std::byte{1};
                    return 1;
                }
                case 5:
                    tx.trim();
                    return 1;
                default:
                    return 77;
            }
        });
        CHECK(how == (i % 7 == 6 ? "exit 77" : faults));
        for (std::size_t read = 0; read != piece.size();) {
            REQUIRE(rx.wait_readable(1, no_deadline) == status::ok);
            const std::size_t n = rx.try_read(std::span{piece}.first(piece.size() - read));
            in_order = in_order && is_pattern(std::span{piece}.first(n), at + read);
            read += n;
        }
        at += piece.size();
    }
    CHECK(in_order);
    tx.close();
    CHECK(rx.wait_readable(1, no_deadline) == status::closed);
    CHECK(peer.outcome() == "exit 0");
    std::printf("process: %d children forked in mid-stream, %llu bytes in order\n", forks,
                static_cast<unsigned long long>(at));
}

TEST_CASE("fork: a child may destroy memory it does not have, without harm to what lies there") {
    auto made = storage::shared<std::byte>::create(4096, role::producer);
    REQUIRE(made);
    std::byte* const at = made->data();
    CHECK(in_child([&] {
              auto* const own = static_cast<std::byte*>(
                  ::mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
              if (own != at) {
                  return 1;
              }
              *own = std::byte{42};
              *made = storage::shared<std::byte>{};
              return *own == std::byte{42} ? 0 : 2;
          }) == "exit 0");
    *at = std::byte{1};
    CHECK(*at == std::byte{1});
}

#endif

TEST_CASE("fork: a program that a child runs has none of our descriptors") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const unique_fd mine{ends[0]};
    const unique_fd theirs{ends[1]};
    auto made = storage::shared<std::byte>::create(4096, role::producer);
    REQUIRE(made);
    REQUIRE(net::send_descriptor(mine.get(), made->fd()));
    auto received = net::receive_descriptor(theirs.get());
    REQUIRE(received);
    const auto seen = [] {
        return in_child([] {
            ::execl("/bin/sh", "sh", "-c", "ls -l /proc/self/fd | grep -q memfd:ferrule", nullptr);
            return 99;
        });
    };
    CHECK(seen() == "exit 1");
    const auto taken = storage::shared<std::byte>::attach(std::move(*received), role::consumer);
    REQUIRE(taken);
    CHECK(seen() == "exit 1");
    // What the look finds when there is something to find.
    const unique_fd inherited{::dup(made->fd())};
    CHECK(seen() == "exit 0");
}

TEST_CASE("fork: ten thousand rings that come and go leave nothing behind") {
    const watchdog dog{"ten thousand rings"};
    const auto one = [] {
        auto made = storage::shared<std::byte>::create(65536, role::producer);
        REQUIRE(made);
        auto taken =
            storage::shared<std::byte>::attach(unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)}, role::consumer);
        REQUIRE(taken);
        shared_ring<> ring{std::move(*made)};
        shared_ring<> theirs{std::move(*taken)};
        auto tx = ring.claim_producer();
        auto rx = theirs.claim_consumer();
        const std::array<std::byte, 64> piece{};
        std::array<std::byte, 64> got{};
        REQUIRE(tx.try_write(piece) == 64);
        REQUIRE(rx.try_read(got) == 64);
    };
    const auto mapped_from_memfd = [] {
        std::ifstream maps{"/proc/self/maps"};
        std::size_t lines = 0;
        for (std::string line; std::getline(maps, line);) {
            lines += line.find("memfd:ferrule") != std::string::npos ? 1U : 0U;
        }
        return lines;
    };
    one();
    const held before = holds();
    for (int i = 0; i != 10'000; ++i) {
        one();
    }
    // Memory whose last descriptor and last mapping are gone is gone: there is no other way to hold it.
    CHECK(holds() == before);
    CHECK(mapped_from_memfd() == 0);
}
