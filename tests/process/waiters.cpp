// What tests/support/waiter_conformance.hpp asks of every waiter, with the peer in another process; and that its death
// ends a wait.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>
#include <ferrule/net/doorbells.hpp>

#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/waiter_conformance.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// The waiter needs no descriptors.
struct no_wires {
    static constexpr bool show_death = false;
    void keep_first() noexcept {}
    void keep_second() noexcept {}
    [[nodiscard]] static waiter::doorbell first() noexcept { return {}; }
    [[nodiscard]] static waiter::doorbell second() noexcept { return {}; }
};

struct pipes {
    static constexpr bool show_death = true;
    pipes() {
        auto made = net::make_doorbells();
        REQUIRE(made);
        both = std::move(*made);
    }
    void keep_first() noexcept { both.second = {}; }
    void keep_second() noexcept { both.first = {}; }
    [[nodiscard]] waiter::doorbell first() const noexcept { return both.first.waiter(); }
    [[nodiscard]] waiter::doorbell second() const noexcept { return both.second.waiter(); }

    net::doorbell_pair both;
};

struct eventfds {
    static constexpr bool show_death = false;
    void keep_first() noexcept {}
    void keep_second() noexcept {}
    [[nodiscard]] waiter::doorbell first() const noexcept { return {.mine = one.get(), .theirs = other.get()}; }
    [[nodiscard]] waiter::doorbell second() const noexcept { return {.mine = other.get(), .theirs = one.get()}; }

    unique_fd one{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    unique_fd other{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

template <class W>
[[nodiscard]] W waiter_on(waiter::doorbell bell) {
    if constexpr (std::is_same_v<W, waiter::doorbell>) {
        return bell;
    } else if constexpr (requires(W w) { w.second = bell; }) {
        return W{.first = {}, .second = bell};
    } else {
        return {};
    }
}

constexpr std::size_t capacity = 8;

/// A ring to be: made before there is another process, each of the two then takes its own end of it.
template <class Waiter, class Wires>
class crossing {
public:
    using ring = shared_ring<std::uint64_t, Waiter>;
    using memory = storage::shared<std::uint64_t>;
    static constexpr bool shows_death = Wires::show_death;

    explicit crossing(role ours, std::size_t size = capacity) : memory_{memory::create(size, ours)} {
        REQUIRE(memory_);
    }

    /// This side's, once the other process was started. It is watched if it is given what to watch it by.
    [[nodiscard]] memory here(unique_fd life = {}) {
        wires_.keep_first();
        memory_->close_fd();
        memory_->watch_peer(std::move(life));
        return std::move(*memory_);
    }
    [[nodiscard]] Waiter waiter_here() const { return waiter_on<Waiter>(wires_.first()); }

    /// In the other process.
    [[nodiscard]] memory there() {
        wires_.keep_second();
        auto attached = memory::attach(unique_fd{memory_->fd()}, other(memory_->mine()));
        return attached ? std::move(*attached) : memory{};
    }
    [[nodiscard]] Waiter waiter_there() const { return waiter_on<Waiter>(wires_.second()); }

private:
    result<memory> memory_;
    Wires wires_;
};

using sleeping = waiter::futex<futex_scope::process_shared, barrier::symmetric>;
using by_futex = crossing<sleeping, no_wires>;
using by_spin = crossing<waiter::spin<>, no_wires>;
using by_spin_then_futex = crossing<shared_waiter, no_wires>;
using by_pipe = crossing<waiter::doorbell, pipes>;
using by_eventfd = crossing<waiter::doorbell, eventfds>;
using by_spin_then_pipe = crossing<waiter::then<waiter::spin<>, waiter::doorbell>, pipes>;

/// Waits for `min` with the end that there is.
template <class Ring>
class either_end {
public:
    explicit either_end(Ring& ring) : tx_{ring.claim_producer()}, rx_{ring.claim_consumer()} {}

    [[nodiscard]] status wait(std::size_t min, std::chrono::steady_clock::time_point deadline = no_deadline) {
        return tx_ ? tx_.wait_writable(min, deadline) : rx_.wait_readable(min, deadline);
    }
    [[nodiscard]] std::size_t possible() { return tx_ ? tx_.writable_at_least() : rx_.readable_at_least(); }

    /// Moves the word at `position`; false if it cannot, or it is another.
    [[nodiscard]] bool move(std::uint64_t position) {
        return tx_ ? tx_.try_push(pattern_word(position)) : rx_.try_pop() == pattern_word(position);
    }
    /// Moves the words in [from, to), waiting for each.
    [[nodiscard]] bool move_all(std::uint64_t from, std::uint64_t to) {
        for (; from != to; ++from) {
            if (wait(1) != status::ok || !move(from)) {
                return false;
            }
        }
        return true;
    }
    void close() {
        if (tx_) {
            tx_.close();
        } else {
            rx_.close();
        }
    }

private:
    typename Ring::producer_type tx_;
    typename Ring::consumer_type rx_;
};

constexpr std::array both_roles{role::producer, role::consumer};

/// In front of the wrap: what follows goes over it.
constexpr std::uint64_t wrap_in = 3;
constexpr std::uint64_t in_front = capacity - wrap_in;

}  // namespace

#define EVERY_WAY by_futex, by_spin, by_spin_then_futex, by_pipe, by_eventfd, by_spin_then_pipe

TEST_CASE_TEMPLATE("waiters: a wait that nobody ends lasts until its deadline, in calm and through a storm of signals",
                   Way, EVERY_WAY) {
    using clock = std::chrono::steady_clock;
    const watchdog dog{"a wait with a deadline"};
    for (const role ours : both_roles) {
        for (const bool watched : {false, true}) {
            CAPTURE(watched);
            Way way{ours};
            other_process peer{[&](int socket) {
                typename Way::ring ring{way.there(), way.waiter_there()};
                either_end end{ring};
                return say(socket) && hear(socket) ? 0 : 1;
            }};
            typename Way::ring ring{way.here(watched ? peer.life() : unique_fd{}), way.waiter_here()};
            either_end end{ring};
            while (ours == role::producer && end.possible() != 0) {
                REQUIRE(end.move(0));
            }
            REQUIRE(hear(peer.socket()));
            // A storm would also end a sleep that is too long.
            const auto in_calm = clock::now() + std::chrono::milliseconds{20};
            CHECK(end.wait(1, in_calm) == status::timed_out);
            CHECK(clock::now() >= in_calm);
            {
                const signal_storm storm{::pthread_self()};
                // More than one of the slices in which a watched peer is looked after.
                const auto deadline = clock::now() + std::chrono::milliseconds{120};
                CHECK(end.wait(1, deadline) == status::timed_out);
                CHECK(clock::now() >= deadline);
                CHECK(end.wait(1, clock::now()) == status::timed_out);
                CHECK(end.wait(1, clock::time_point{}) == status::timed_out);
                CHECK(end.wait(capacity + 1) == status::too_large);
            }
            REQUIRE(say(peer.socket()));
            CHECK(peer.outcome() == "exit 0");
        }
    }
}

TEST_CASE_TEMPLATE("waiters: a wait ends when what it asked for is there and not before, for every amount", Way,
                   EVERY_WAY) {
    const watchdog dog{"a wait for every amount"};
    for (const role ours : both_roles) {
        for (const std::size_t min : {std::size_t{0}, std::size_t{1}, capacity - 1, capacity}) {
            CAPTURE(min);
            Way way{ours};
            other_process peer{[&](int socket) {
                typename Way::ring ring{way.there(), way.waiter_there()};
                either_end end{ring};
                // A consumer makes all the room there is, a producer fills all of it, one by one.
                const std::uint64_t all = in_front + capacity;
                for (std::uint64_t i = 0; i != all; ++i) {
                    std::this_thread::yield();
                    if (!end.move_all(i, i + 1)) {
                        return 1;
                    }
                }
                // There is no room behind a consumer that is gone.
                return hear(socket) ? 0 : 2;
            }};
            typename Way::ring ring{way.here(), way.waiter_here()};
            either_end end{ring};
            REQUIRE(end.move_all(0, in_front));
            if (ours == role::producer) {
                REQUIRE(end.move_all(in_front, in_front + capacity));
            }
            CHECK(end.wait(min) == status::ok);
            CHECK(end.possible() >= min);
            CHECK(end.possible() <= capacity);
            if (ours == role::consumer) {
                CHECK(end.move_all(in_front, in_front + capacity));
            }
            REQUIRE(say(peer.socket()));
            CHECK(peer.outcome() == "exit 0");
        }
    }
}

TEST_CASE_TEMPLATE("waiters: a close ends every wait", Way, EVERY_WAY) {
    const watchdog dog{"a wait for an end that closed"};
    for (int round = 0; round != 40; ++round) {
        const role ours = round % 2 == 0 ? role::producer : role::consumer;
        CAPTURE(round);
        Way way{ours, 1};
        other_process peer{[&](int socket) {
            typename Way::ring ring{way.there(), way.waiter_there()};
            either_end end{ring};
            if (!hear(socket)) {
                return 1;
            }
            for (int i = 0; i < round; ++i) {
                std::this_thread::yield();
            }
            end.close();
            // Alive, and with its descriptors open, so that nothing but the close ends the wait.
            return hear(socket) ? 0 : 2;
        }};
        typename Way::ring ring{way.here(), way.waiter_here()};
        either_end end{ring};
        if (ours == role::producer) {
            REQUIRE(end.move(0));
        }
        REQUIRE(say(peer.socket()));
        CHECK(end.wait(1) == status::closed);
        REQUIRE(say(peer.socket()));
        CHECK(peer.outcome() == "exit 0");
    }
}

TEST_CASE_TEMPLATE("waiters: the death of the peer ends every wait", Way, EVERY_WAY) {
    const watchdog dog{"a wait for a peer that died"};
    for (int round = 0; round != 20; ++round) {
        const role ours = round % 2 == 0 ? role::producer : role::consumer;
        CAPTURE(round);
        Way way{ours, 1};
        other_process peer{[&](int socket) {
            typename Way::ring ring{way.there(), way.waiter_there()};
            either_end end{ring};
            if (!hear(socket)) {
                return 1;
            }
            for (int i = 0; i < round; ++i) {
                std::this_thread::yield();
            }
            ::raise(SIGKILL);
            return 2;
        }};
        // A doorbell's pipe tells by itself.
        typename Way::ring ring{way.here(Way::shows_death ? unique_fd{} : peer.life()), way.waiter_here()};
        either_end end{ring};
        if (ours == role::producer) {
            REQUIRE(end.move(0));
        }
        REQUIRE(say(peer.socket()));
        CHECK(end.wait(1) == status::closed);
        CHECK(peer.outcome() == "signal 9");
    }
}

TEST_CASE_TEMPLATE("waiters: no wake-up is lost in a long ping-pong, each side in a storm of signals", Way, EVERY_WAY) {
    const watchdog dog{"a ping-pong of sleepers in two processes"};
    constexpr std::uint64_t trips = 10'000;
    Way there{role::producer, 1};
    Way back{role::consumer, 1};
    other_process peer{[&](int socket) {
        weather_storms();
        typename Way::ring from{there.there(), there.waiter_there()};
        typename Way::ring to{back.there(), back.waiter_there()};
        auto rx = from.claim_consumer();
        auto tx = to.claim_producer();
        if (!say(socket)) {
            return 1;
        }
        while (rx.wait_readable(1, no_deadline) == status::ok) {
            const auto question = rx.try_pop();
            if (!question || tx.wait_writable(1, no_deadline) != status::ok || !tx.try_push(~*question)) {
                return 2;
            }
        }
        return rx.finished() ? 0 : 3;
    }};
    // Nobody is watched: a wake-up that is lost is a test that hangs.
    typename Way::ring to{there.here(), there.waiter_here()};
    typename Way::ring from{back.here(), back.waiter_here()};
    auto tx = to.claim_producer();
    auto rx = from.claim_consumer();
    REQUIRE(hear(peer.socket()));
    std::uint64_t answered = 0;
    {
        const signal_storm storm_here{::pthread_self()};
        const signal_storm storm_there{peer.id()};
        while (answered != trips && tx.wait_writable(1, no_deadline) == status::ok &&
               tx.try_push(pattern_word(answered)) && rx.wait_readable(1, no_deadline) == status::ok &&
               rx.try_pop() == ~pattern_word(answered)) {
            ++answered;
        }
    }
    CHECK(answered == trips);
    tx.close();
    CHECK(peer.outcome() == "exit 0");
}

TEST_CASE_TEMPLATE("waiters: a stream flows between sleepers, whatever amounts they wait for", Way, EVERY_WAY) {
    const watchdog dog{"a stream of sleepers in two processes"};
    constexpr std::uint64_t total = 20'000;
    const auto flow = [](auto& end) {
        for (std::uint64_t i = 0; i != total;) {
            while (i != total && end.possible() != 0) {
                if (!end.move(i++)) {
                    return false;
                }
            }
            if (i == total) {
                break;
            }
            // Two amounts that can never both be there would be a stall.
            const auto most = std::min<std::uint64_t>(capacity / 2, total - i);
            if (end.wait(1 + i % most) != status::ok) {
                return false;
            }
        }
        return true;
    };
    for (const role ours : both_roles) {
        Way way{ours};
        other_process peer{[&](int /*socket*/) {
            typename Way::ring ring{way.there(), way.waiter_there()};
            either_end end{ring};
            return flow(end) ? 0 : 1;
        }};
        typename Way::ring ring{way.here(), way.waiter_here()};
        either_end end{ring};
        CHECK(flow(end));
        CHECK(peer.outcome() == "exit 0");
    }
}
