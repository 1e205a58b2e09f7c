#include <ferrule/waiter/doorbell.hpp>
// The header under test comes first: it must stand alone.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>
#include <ferrule/net/doorbells.hpp>

#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using bytes_by_bell = shared_ring<std::byte, waiter::doorbell>;

/// A ring whose other end another process has, and the pipes between the two. It runs `code(memory, bells)`.
class spanned {
public:
    template <class Code>
    spanned(std::size_t capacity, role ours, Code code)
        : made_{storage::shared<std::byte>::create(capacity, ours)},
          pipes_{net::make_doorbells()},
          process{[&](int /*socket*/) {
              pipes_->first = {};
              auto attached = storage::shared<std::byte>::attach(unique_fd{made_->fd()}, other(ours));
              return attached ? code(std::move(*attached), pipes_->second.waiter()) : 99;
          }},
          memory{std::move(*made_)},
          bells{std::move(pipes_->first)} {
        pipes_->second = {};  // As long as there is a copy here, it does not seem to be gone when it is.
        memory.close_fd();
    }

private:
    result<storage::shared<std::byte>> made_;
    result<net::doorbell_pair> pipes_;

public:
    other_process process;
    storage::shared<std::byte> memory;
    net::doorbells bells;
};

template <class Producer>
void send_pattern(Producer& tx, std::uint64_t count) {
    std::array<std::byte, 700> buffer{};
    for (std::uint64_t sent = 0; sent != count;) {
        const std::size_t size = std::min<std::uint64_t>(1 + pattern_word(sent) % buffer.size(), count - sent);
        fill_pattern(std::span{buffer}.first(size), sent);
        for (std::span<const std::byte> rest = std::span{buffer}.first(size); !rest.empty();) {
            rest = rest.subspan(tx.try_write(rest));
            if (!rest.empty() && tx.wait_writable(1, no_deadline) != status::ok) {
                return;
            }
        }
        sent += size;
    }
}

/// How many bytes came, in order, before the end; all bits set if one was wrong.
template <class Consumer>
std::uint64_t receive_pattern(Consumer& rx) {
    std::array<std::byte, 500> buffer{};
    std::uint64_t received = 0;
    while (rx.wait_readable(1, no_deadline) == status::ok) {
        const std::size_t n = rx.try_read(buffer);
        if (!is_pattern(std::span{buffer}.first(n), received)) {
            return ~std::uint64_t{0};
        }
        received += n;
    }
    return received;
}

constexpr std::uint64_t many = 3'000'000;

}  // namespace

TEST_CASE("doorbell: a stream from another process, which sleeps and wakes all the time") {
    const watchdog dog{"a stream by doorbells"};
    spanned sender{64, role::consumer, [](auto shared, waiter::doorbell bells) {
                       bytes_by_bell ring{std::move(shared), bells};
                       auto tx = ring.claim_producer();
                       send_pattern(tx, many);
                       tx.close();
                       return 0;
                   }};
    bytes_by_bell ring{std::move(sender.memory), sender.bells.waiter()};
    auto rx = ring.claim_consumer();
    CHECK(receive_pattern(rx) == many);
    CHECK(sender.process.outcome() == "exit 0");
}

TEST_CASE("doorbell: a stream to another process, which closes when it has enough") {
    const watchdog dog{"a stream by doorbells"};
    spanned receiver{64, role::producer, [](auto shared, waiter::doorbell bells) {
                         bytes_by_bell ring{std::move(shared), bells};
                         auto rx = ring.claim_consumer();
                         std::array<std::byte, 64> buffer{};
                         std::uint64_t received = 0;
                         while (received < 100'000 && rx.wait_readable(1, no_deadline) == status::ok) {
                             received += rx.try_read(buffer);
                         }
                         rx.close();
                         return received >= 100'000 ? 0 : 1;
                     }};
    bytes_by_bell ring{std::move(receiver.memory), receiver.bells.waiter()};
    auto tx = ring.claim_producer();
    send_pattern(tx, ~std::uint64_t{0});
    CHECK(tx.state() == status::closed);
    CHECK(receiver.process.outcome() == "exit 0");
}

TEST_CASE("doorbell: a peer that is killed ends a wait, behind what it had published") {
    const watchdog dog{"the death of a peer"};
    spanned sender{1024, role::consumer, [](auto shared, waiter::doorbell bells) {
                       bytes_by_bell ring{std::move(shared), bells};
                       auto tx = ring.claim_producer();
                       send_pattern(tx, 1000);
                       ::raise(SIGKILL);
                       return 1;
                   }};
    bytes_by_bell ring{std::move(sender.memory), sender.bells.waiter()};
    auto rx = ring.claim_consumer();
    CHECK(receive_pattern(rx) == 1000);
    CHECK(rx.state() == status::closed);
    CHECK(rx.finished());
    CHECK(sender.process.outcome() == "signal 9");
}

TEST_CASE("doorbell: a writer whose reader is killed is told so, asleep or armed") {
    const watchdog dog{"the death of a peer"};
    for (const bool by_event_loop : {false, true}) {
        CAPTURE(by_event_loop);
        spanned reader{64, role::producer, [](auto shared, waiter::doorbell bells) {
                           bytes_by_bell ring{std::move(shared), bells};
                           auto rx = ring.claim_consumer();
                           (void)rx.wait_readable(64, no_deadline);
                           ::raise(SIGKILL);
                           return 1;
                       }};
        bytes_by_bell ring{std::move(reader.memory), reader.bells.waiter()};
        auto tx = ring.claim_producer();
        const std::array<std::byte, 64> full{};
        REQUIRE(tx.try_write(full) == 64);
        if (by_event_loop) {
            while (tx.arm(1)) {
                ::pollfd entry{tx.poll_fd(), POLLIN, 0};
                ::poll(&entry, 1, -1);
            }
        } else {
            CHECK(tx.wait_writable(1, no_deadline) == status::closed);
        }
        CHECK(tx.try_write(std::span{full}.first(1)) == 0);
        CHECK(tx.state() == status::closed);
        CHECK(reader.process.outcome() == "signal 9");
    }
}

TEST_CASE("doorbell: an eventfd shows no death, so that a watched peer is looked after") {
    const watchdog dog{"the death of a peer"};
    const unique_fd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    REQUIRE(event);
    spanned sender{64, role::consumer, [&](auto shared, waiter::doorbell /*bells*/) {
                       bytes_by_bell ring{std::move(shared), {.mine = -1, .theirs = event.get()}};
                       auto tx = ring.claim_producer();
                       send_pattern(tx, 10);
                       ::raise(SIGKILL);
                       return 1;
                   }};
    sender.memory.watch_peer(sender.process.life());
    bytes_by_bell ring{std::move(sender.memory), {.mine = event.get(), .theirs = -1}};
    auto rx = ring.claim_consumer();
    CHECK(receive_pattern(rx) == 10);
    CHECK(sender.process.outcome() == "signal 9");
}

TEST_CASE("doorbell: ringing neither waits nor raises a signal, whatever the peer did to the pipe") {
    const watchdog dog{"ringing"};
    auto pipes = net::make_doorbells();
    REQUIRE(pipes);
    waiter::doorbell::point<detail::native> bell{pipes->first.waiter()};
    const int word = 0;
    // Full, and told to block: by the one who has the other end.
    const int flags = ::fcntl(pipes->first.theirs.get(), F_GETFL);
    const std::array<std::byte, 4096> rings{};
    while (::write(pipes->first.theirs.get(), rings.data(), rings.size()) > 0) {
    }
    REQUIRE(::fcntl(pipes->first.theirs.get(), F_SETFL, flags & ~O_NONBLOCK) == 0);
    REQUIRE(::fcntl(pipes->first.mine.get(), F_SETFL, 0) == 0);
    bell.unpark(word);
    bell.drain();  // Empty, and told to block.
    CHECK_FALSE(bell.peer_is_gone());
    pipes->second = {};
    bell.unpark(word);  // Nobody reads.
    bell.drain();       // Nobody writes.
    CHECK(bell.peer_is_gone());
}

TEST_CASE("doorbell: an eventfd serves as well, between friends") {
    const unique_fd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    REQUIRE(event);
    waiter::doorbell::point<detail::native> bell{waiter::doorbell{.mine = event.get(), .theirs = event.get()}};
    const int word = 0;
    ::pollfd entry{bell.fd(), POLLIN, 0};
    CHECK(::poll(&entry, 1, 0) == 0);
    bell.unpark(word);
    bell.unpark(word);
    CHECK(::poll(&entry, 1, 0) == 1);
    bell.drain();
    CHECK(::poll(&entry, 1, 0) == 0);
    CHECK_FALSE(bell.peer_is_gone());
}

TEST_CASE("doorbell: how soon the death of a peer is noticed, by each way to notice it") {
    const watchdog dog{"the death of a peer"};
    const auto measure = [](const char* by, const auto& wait) {
        std::vector<double> all;
        for (int i = 0; i != 15; ++i) {
            spanned sender{64, role::consumer, [](auto shared, waiter::doorbell bells) {
                               bytes_by_bell ring{std::move(shared), bells};
                               auto tx = ring.claim_producer();
                               ::pause();
                               return 0;
                           }};
            const int victim = sender.process.id();
            // Killed by a third process, while this one sleeps.
            const pid_t killer = ::fork();
            if (killer == 0) {
                ::usleep(2000);
                ::kill(victim, SIGKILL);
                ::_exit(0);
            }
            const auto begun = std::chrono::steady_clock::now();
            CHECK(wait(sender) == status::closed);
            all.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count() -
                          2);
            ::waitpid(killer, nullptr, 0);
        }
        std::sort(all.begin(), all.end());
        std::printf("a dead peer is noticed by %s: median %.2f ms, most %.2f ms\n", by, all[all.size() / 2],
                    all.back());
    };
    measure("the HUP of its doorbell", [](spanned& sender) {
        bytes_by_bell ring{std::move(sender.memory), sender.bells.waiter()};
        auto rx = ring.claim_consumer();
        return rx.wait_readable(1, no_deadline);
    });
    measure("its pidfd, beside an eventfd that shows nothing", [](spanned& sender) {
        const unique_fd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        sender.memory.watch_peer(sender.process.life());
        bytes_by_bell ring{std::move(sender.memory), {.mine = event.get(), .theirs = -1}};
        auto rx = ring.claim_consumer();
        return rx.wait_readable(1, no_deadline);
    });
    measure("its pidfd, between slices of a futex", [](spanned& sender) {
        sender.memory.watch_peer(sender.process.life());
        shared_ring<> ring{std::move(sender.memory)};
        auto rx = ring.claim_consumer();
        return rx.wait_readable(1, no_deadline);
    });
}
