// Two processes, one ring: every byte by its position, whoever waits, and however the other one ends.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using sleeping = waiter::futex<futex_scope::process_shared, barrier::symmetric>;

/// Sleeps until it is woken and not a moment less, so that a wake-up that is lost is a test that hangs.
struct relentless : sleeping {
    template <class Platform>
    struct point : sleeping::point<Platform> {
        using sleeping::point<Platform>::point;
        template <class Word>
        static void park(const Word& word, std::uint32_t seen,
                         std::chrono::steady_clock::time_point /*deadline*/) noexcept {
            Platform::futex_wait(word, seen, no_deadline, futex_scope::process_shared);
        }
    };
};

/// Writes the stream up to `size`, in pieces of every length. Returns how far it came.
template <class Producer>
std::uint64_t produce(Producer& tx, std::uint64_t size, std::uint64_t at = 0) {
    std::array<std::byte, 1500> piece{};
    while (at != size) {
        const auto n =
            static_cast<std::size_t>(std::min<std::uint64_t>(1 + pattern_word(at) % piece.size(), size - at));
        fill_pattern(std::span{piece}.first(n), at);
        for (std::size_t done = 0; done != n;) {
            const std::size_t written = tx.try_write(std::span{piece}.subspan(done, n - done));
            done += written;
            at += written;
            if (written == 0 && tx.wait_writable(1, no_deadline) != status::ok) {
                return at;
            }
        }
    }
    return at;
}

struct read_so_far {
    std::uint64_t bytes = 0;
    bool in_order = true;
    status end = status::ok;
};

/// Reads until the stream ends, or has come to `size`.
template <class Consumer>
read_so_far consume(Consumer& rx, std::uint64_t size = ~std::uint64_t{0}) {
    read_so_far all;
    std::array<std::byte, 1700> piece{};
    while (all.bytes != size) {
        const auto wanted = static_cast<std::size_t>(
            std::min<std::uint64_t>(1 + pattern_word(~all.bytes) % piece.size(), size - all.bytes));
        const std::size_t n = rx.try_read(std::span{piece}.first(wanted));
        all.in_order = all.in_order && is_pattern(std::span{piece}.first(n), all.bytes);
        all.bytes += n;
        if (n == 0) {
            all.end = rx.wait_readable(1, no_deadline);
            if (all.end != status::ok) {
                break;
            }
        }
    }
    return all;
}

/// Has one end of a ring in this process, and what `other_does` in another one has the other; does `this_does`.
template <class Ring, class Memory, class Does>
void with_end(result<Memory> memory, unique_fd life, Does does) {
    REQUIRE_MESSAGE(memory, memory.error().message());
    memory->watch_peer(std::move(life));
    Ring ring{std::move(*memory)};
    if (ring.storage().mine() == role::producer) {
        auto tx = ring.claim_producer();
        if constexpr (std::is_invocable_v<Does, decltype(tx)&>) {
            does(tx);
        }
    } else {
        auto rx = ring.claim_consumer();
        if constexpr (std::is_invocable_v<Does, decltype(rx)&>) {
            does(rx);
        }
    }
}

/// The other process: reads all of a stream of `size` and says whether it was right.
template <class Ring>
auto reader_of(std::uint64_t size) {
    return [size](int socket) {
        auto memory = take_from(socket, role::consumer);
        if (!memory) {
            return 1;
        }
        Ring ring{std::move(*memory)};
        auto rx = ring.claim_consumer();
        const auto all = consume(rx);
        return all.bytes == size && all.in_order && all.end == status::closed ? 0 : 2;
    };
}
template <class Ring>
auto writer_of(std::uint64_t size, role maker) {
    return [size, maker](int socket) {
        auto memory =
            maker == role::producer ? make_for(socket, 4096, role::producer) : take_from(socket, role::producer);
        if (!memory) {
            return 1;
        }
        Ring ring{std::move(*memory)};
        auto tx = ring.claim_producer();
        const bool all = produce(tx, size) == size;
        tx.close();
        return all ? 0 : 2;
    };
}

template <class W>
using ring_with = shared_ring<std::byte, W>;

}  // namespace

TEST_CASE_TEMPLATE("stream: what one process writes another reads, byte for byte", W, sleeping, waiter::spin<>,
                   shared_waiter) {
    const watchdog dog{"a stream between two processes"};
    using ring = ring_with<W>;
    for (const std::size_t capacity : {2U, 64U, 4096U, 1U << 18U}) {
        CAPTURE(capacity);
        const std::uint64_t size = capacity < 64 ? 20'000 : capacity < 4096 ? 400'000 : 8'000'000;
        {
            other_process peer{reader_of<ring>(size)};
            with_end<ring>(make_for(peer.socket(), capacity, role::producer), peer.life(), [&](auto& end) {
                if constexpr (requires { end.wait_writable(1, no_deadline); }) {
                    CHECK(produce(end, size) == size);
                    end.close();
                }
            });
            CHECK(peer.outcome() == "exit 0");
        }
        {
            other_process peer{writer_of<ring>(size, role::consumer)};
            with_end<ring>(make_for(peer.socket(), capacity, role::consumer), peer.life(), [&](auto& end) {
                if constexpr (requires { end.wait_readable(1, no_deadline); }) {
                    const auto all = consume(end);
                    CHECK(all.bytes == size);
                    CHECK(all.in_order);
                    CHECK(all.end == status::closed);
                }
            });
            CHECK(peer.outcome() == "exit 0");
        }
    }
}

TEST_CASE("stream: no wake-up is lost between two processes, in the smallest rings") {
    const watchdog dog{"a ping-pong between two processes"};
    using ring = ring_with<relentless>;
    constexpr int rounds = 20'000;
    for (const std::size_t capacity : {1U, 2U}) {
        CAPTURE(capacity);
        const auto echo = [&](int socket) {
            auto in = take_from(socket, role::consumer);
            auto out = take_from(socket, role::producer);
            if (!in || !out) {
                return 1;
            }
            ring from{std::move(*in)};
            ring to{std::move(*out)};
            auto rx = from.claim_consumer();
            auto tx = to.claim_producer();
            while (rx.wait_readable(1, no_deadline) == status::ok) {
                if (tx.wait_writable(1, no_deadline) != status::ok || !tx.try_push(*rx.try_pop())) {
                    return 2;
                }
            }
            tx.close();
            return 0;
        };
        other_process peer{echo};
        auto out = make_for(peer.socket(), capacity, role::producer);
        auto in = make_for(peer.socket(), capacity, role::consumer);
        REQUIRE(out);
        REQUIRE(in);
        ring to{std::move(*out)};
        ring from{std::move(*in)};
        auto tx = to.claim_producer();
        auto rx = from.claim_consumer();
        int good = 0;
        for (int i = 0; i != rounds; ++i) {
            const auto position = static_cast<std::uint64_t>(i);
            if (!tx.try_push(pattern_byte(position)) || rx.wait_readable(1, no_deadline) != status::ok) {
                break;
            }
            good += *rx.try_pop() == pattern_byte(position) ? 1 : 0;
        }
        CHECK(good == rounds);
        tx.close();
        CHECK(rx.wait_readable(1, no_deadline) == status::closed);
        CHECK(peer.outcome() == "exit 0");
    }
}

TEST_CASE("stream: a stream in each direction at once") {
    const watchdog dog{"two streams between two processes"};
    constexpr std::uint64_t size = 3'000'000;
    const auto side = [](result<storage::shared<std::byte>> in, result<storage::shared<std::byte>> out) {
        if (!in || !out) {
            return 1;
        }
        shared_ring<> from{std::move(*in)};
        shared_ring<> to{std::move(*out)};
        std::uint64_t written = 0;
        std::thread writing{[&] {
            auto tx = to.claim_producer();
            written = produce(tx, size);
            tx.close();
        }};
        auto rx = from.claim_consumer();
        const auto all = consume(rx);
        writing.join();
        return written == size && all.bytes == size && all.in_order ? 0 : 2;
    };
    other_process peer{[&](int socket) {
        auto in = take_from(socket, role::consumer);
        auto out = take_from(socket, role::producer);
        return side(std::move(in), std::move(out));
    }};
    auto out = make_for(peer.socket(), 1024, role::producer);
    auto in = make_for(peer.socket(), 1024, role::consumer);
    CHECK(side(std::move(in), std::move(out)) == 0);
    CHECK(peer.outcome() == "exit 0");
}

TEST_CASE_TEMPLATE("stream: a producer killed while we sleep for data leaves a prefix and then the end", W, sleeping,
                   waiter::spin<>, shared_waiter) {
    const watchdog dog{"a wait for a dead producer"};
    using ring = ring_with<W>;
    for (const bool by_process : {true, false}) {
        CAPTURE(by_process);
        constexpr std::uint64_t size = 10'000;
        other_process peer{[](int socket) {
            auto memory = take_from(socket, role::producer);
            if (!memory) {
                return 1;
            }
            ring there{std::move(*memory)};
            auto tx = there.claim_producer();
            (void)produce(tx, size);
            (void)say(socket);
            (void)hear(socket);  // Nothing is said: it is killed here.
            return 2;
        }};
        with_end<ring>(make_for(peer.socket(), 1024, role::consumer), by_process ? peer.life() : peer.line(),
                       [&](auto& rx) {
                           if constexpr (requires { rx.wait_readable(1, no_deadline); }) {
                               auto all = consume(rx, size);
                               CHECK(all.in_order);
                               REQUIRE(hear(peer.socket()));
                               std::atomic<::pid_t> id{0};
                               status end = status::ok;
                               std::thread waiting{[&] {
                                   id = ::gettid();
                                   end = rx.wait_readable(1, no_deadline);
                               }};
                               while (id == 0) {
                                   std::this_thread::yield();
                               }
                               if constexpr (W::must_be_woken) {
                                   wait_until_parked(id);
                               }
                               peer.signal(SIGKILL);
                               waiting.join();
                               CHECK(all.bytes == size);
                               CHECK(end == status::closed);
                               CHECK(rx.finished());
                           }
                       });
        CHECK(peer.outcome() == "signal 9");
    }
}

TEST_CASE_TEMPLATE("stream: a consumer killed while we sleep for space ends the stream", W, sleeping, waiter::spin<>,
                   shared_waiter) {
    const watchdog dog{"a wait for a dead consumer"};
    using ring = ring_with<W>;
    other_process peer{[](int socket) {
        auto memory = take_from(socket, role::consumer);
        if (!memory) {
            return 1;
        }
        ring there{std::move(*memory)};
        auto rx = there.claim_consumer();
        const bool good = consume(rx, 5000).in_order;
        (void)say(socket);
        (void)hear(socket);
        return good ? 2 : 3;
    }};
    with_end<ring>(make_for(peer.socket(), 1024, role::producer), peer.life(), [&](auto& tx) {
        if constexpr (requires { tx.wait_writable(1, no_deadline); }) {
            std::atomic<::pid_t> id{0};
            std::uint64_t written = 0;
            std::thread writing{[&] {
                id = ::gettid();
                written = produce(tx, ~std::uint64_t{0});
            }};
            CHECK(hear(peer.socket()));
            if constexpr (W::must_be_woken) {
                wait_until_parked(id);
            }
            peer.signal(SIGKILL);
            writing.join();
            CHECK(written >= 5000);
            CHECK(written <= 5000 + 1024);
            CHECK(tx.wait_writable(1, no_deadline) == status::closed);
            std::array<std::byte, 1> one{};
            CHECK(tx.try_write(one) == 0);
            CHECK(tx.state() == status::closed);
        }
    });
    CHECK(peer.outcome() == "signal 9");
}

TEST_CASE("stream: a peer that closes ends the stream, whichever end it has") {
    const watchdog dog{"a close between two processes"};
    using ring = ring_with<shared_waiter>;
    other_process reader{[](int socket) {
        auto memory = take_from(socket, role::consumer);
        if (!memory) {
            return 1;
        }
        ring there{std::move(*memory)};
        auto rx = there.claim_consumer();
        const bool good = consume(rx, 3000).in_order;
        rx.close();
        (void)hear(socket);
        return good ? 0 : 2;
    }};
    with_end<ring>(make_for(reader.socket(), 256, role::producer), reader.life(), [&](auto& tx) {
        if constexpr (requires { tx.wait_writable(1, no_deadline); }) {
            const std::uint64_t written = produce(tx, ~std::uint64_t{0});
            CHECK(written >= 3000);
            CHECK(written <= 3000 + 256);
            CHECK(tx.state() == status::closed);
        }
    });
    REQUIRE(say(reader.socket()));
    CHECK(reader.outcome() == "exit 0");
}

TEST_CASE("stream: a peer that is stopped and goes on is no dead peer") {
    const watchdog dog{"a stream with a peer that stops"};
    using ring = ring_with<shared_waiter>;
    constexpr std::uint64_t size = 4'000'000;
    other_process peer{writer_of<ring>(size, role::consumer)};
    with_end<ring>(make_for(peer.socket(), 256, role::consumer), peer.life(), [&](auto& rx) {
        if constexpr (requires { rx.wait_readable(1, no_deadline); }) {
            read_so_far all;
            std::thread reading{[&] { all = consume(rx); }};
            for (int i = 0; i != 50; ++i) {
                peer.stop();
                peer.go_on();
            }
            reading.join();
            CHECK(all.bytes == size);
            CHECK(all.in_order);
            CHECK(all.end == status::closed);
        }
    });
    CHECK(peer.outcome() == "exit 0");
}
