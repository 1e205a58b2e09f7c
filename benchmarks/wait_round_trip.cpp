// How long does a round trip of one byte, or 64, take through each waiter, against the primitive it rests on?
//
// Floors, written as fast as we can: `one_line` passes a flag back and forth in one cache line; `two_lines` passes a
// payload line and a cursor line, as any ring must; `futex` and `eventfd` sleep for every turn.
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>

#include <ferrule/ferrule.hpp>

#include "support/latency.hpp"
#include "support/peer.hpp"
#include "support/question.hpp"

namespace {

using namespace ferrule::bench;
using ferrule::futex_scope;
using ferrule::detail::futex_wait;
using ferrule::detail::futex_wake;

// A game has two players; each turn one of them has the message. `send` hands a message over, `receive` waits for one;
// it returns false once the game is over.

class one_line {
public:
    template <int Me>
    void send(std::span<const std::byte> message) noexcept {
        word_.message = message[0];
        word_.turn.store(1 - Me, std::memory_order_release);
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        for (int turn = 0; (turn = word_.turn.load(std::memory_order_acquire)) != Me;) {
            if (turn == over) {
                return false;
            }
            relax();
        }
        to[0] = word_.message;
        return true;
    }
    void end() noexcept { word_.turn.store(over, std::memory_order_release); }

private:
    static constexpr int over = 2;
    struct alignas(128) {
        std::atomic<int> turn{-1};
        std::byte message{};
    } word_;
};

class two_lines {
public:
    template <int Me>
    void send(std::span<const std::byte> message) noexcept {
        lane& out = lanes_[Me];
        std::memcpy(out.payload, message.data(), message.size());
        out.cursor.store(++sent_[Me].count, std::memory_order_release);
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        lane& in = lanes_[1 - Me];
        const std::uint64_t next = sent_[1 - Me].seen + 1;
        for (std::uint64_t there = 0; (there = in.cursor.load(std::memory_order_acquire)) != next;) {
            if (there == over) {
                return false;
            }
            relax();
        }
        sent_[1 - Me].seen = next;
        std::memcpy(to.data(), in.payload, to.size());
        return true;
    }
    void end() noexcept { lanes_[0].cursor.store(over, std::memory_order_release); }

private:
    static constexpr std::uint64_t over = ~std::uint64_t{0};
    struct lane {
        alignas(128) std::byte payload[64];
        alignas(128) std::atomic<std::uint64_t> cursor{0};
    };
    struct private_to_each {
        alignas(128) std::uint64_t count = 0;  // The sender's.
        alignas(128) std::uint64_t seen = 0;   // The receiver's.
    };
    lane lanes_[2];
    private_to_each sent_[2];
};

class raw_futex {
public:
    template <int Me>
    void send(std::span<const std::byte> message) noexcept {
        std::memcpy(message_.data(), message.data(), message.size());
        turn_.store(1 - Me, std::memory_order_release);
        futex_wake(&turn_, futex_scope::process_private);
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        for (std::uint32_t turn = 0; (turn = turn_.load(std::memory_order_acquire)) != Me;) {
            if (turn == over) {
                return false;
            }
            futex_wait(&turn_, turn, ferrule::no_deadline, futex_scope::process_private);
        }
        std::memcpy(to.data(), message_.data(), to.size());
        return true;
    }
    void end() noexcept {
        turn_.store(over, std::memory_order_release);
        futex_wake(&turn_, futex_scope::process_private);
    }

private:
    static constexpr std::uint32_t over = 2;
    std::atomic<std::uint32_t> turn_{9};
    std::array<std::byte, 64> message_{};
};

class raw_eventfd {
public:
    raw_eventfd() : fds_{::eventfd(0, EFD_CLOEXEC), ::eventfd(0, EFD_CLOEXEC)} {}
    raw_eventfd(const raw_eventfd&) = delete;
    raw_eventfd& operator=(const raw_eventfd&) = delete;
    ~raw_eventfd() {
        ::close(fds_[0]);
        ::close(fds_[1]);
    }

    template <int Me>
    void send(std::span<const std::byte> message) noexcept {
        std::memcpy(message_.data(), message.data(), message.size());
        ::eventfd_write(fds_[1 - Me], 1);
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        ::eventfd_t count = 0;
        ::eventfd_read(fds_[Me], &count);
        std::memcpy(to.data(), message_.data(), to.size());
        return !over_.load(std::memory_order_relaxed);
    }
    void end() noexcept {
        over_.store(true, std::memory_order_relaxed);
        ::eventfd_write(fds_[1], 1);
    }

private:
    std::array<int, 2> fds_;
    std::array<std::byte, 64> message_{};
    std::atomic<bool> over_{false};
};

/// Two rings of ours, one for each direction.
template <class Waiter>
class rings {
    using ring_type = ferrule::heap_ring<std::byte, Waiter>;

public:
    template <int Me>
    void send(std::span<const std::byte> message) noexcept {
        (void)tx_[Me].try_write(message);  // There is always room for one message.
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        auto& rx = rx_[Me];
        return rx.wait_readable(to.size(), ferrule::no_deadline) == ferrule::status::ok && rx.try_read(to) == to.size();
    }
    void end() noexcept { tx_[0].close(); }

private:
    ring_type there_{4096};
    ring_type back_{4096};
    // By player: what player 0 sends goes there.
    std::array<typename ring_type::producer_type, 2> tx_{there_.claim_producer(), back_.claim_producer()};
    std::array<typename ring_type::consumer_type, 2> rx_{back_.claim_consumer(), there_.claim_consumer()};
};

constexpr std::uint64_t batch = 256;

template <class Game>
void wait_round_trip(benchmark::State& state, std::size_t size) {
    const placement where = two_processors();
    pin_to(where.here);
    const auto game = std::make_unique<Game>();
    peer echo{where.there, [&](auto) {
                  std::array<std::byte, 64> message{};
                  const auto mine = std::span{message}.first(size);
                  while (game->template receive<1>(mine)) {
                      mine[0] = ~mine[0];
                      game->template send<1>(mine);
                  }
              }};
    std::array<std::byte, 64> message{};
    const auto mine = std::span{message}.first(size);
    sampled_latency samples;
    std::uint64_t sent = 0;
    std::uint64_t wrong = 0;
    const auto once = [&] {
        const auto question = static_cast<std::byte>(++sent);
        mine[0] = question;
        game->template send<0>(mine);
        wrong += game->template receive<0>(mine) && mine[0] == ~question ? 0U : 1U;
    };
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        state.SetIterationTime(samples.time(batch, once));
    }
    state.counters["cpu_here"] = share.so_far();
    game->end();
    state.counters["cpu_there"] = echo.stop();
    if (wrong != 0) {
        state.SkipWithError("an answer did not fit its question");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(sent));
    samples.report(state);
}

using ferrule::barrier::asymmetric;
using ferrule::barrier::symmetric;
namespace waiter = ferrule::waiter;

const ask polled{"polled_round_trip", "a message to another thread and back, both polling", nanoseconds,
                 "floor/two_lines"};
const ask by_futex{"futex_round_trip", "a message to another thread and back, both asleep", nanoseconds, "floor/futex"};
const ask by_eventfd{"eventfd_round_trip", "a message to another thread and back, both asleep", nanoseconds,
                     "floor/eventfd"};

template <class Game>
void add(const ask& asked, std::size_t size, const char* contender) {
    asked("size:" + std::to_string(size), contender, [=](benchmark::State& state) {
        wait_round_trip<Game>(state, size);
    })->UseManualTime();
}

const bool added = [] {
    add<one_line>(polled, 1, "floor/one_line");
    for (const std::size_t size : {1U, 64U}) {
        add<two_lines>(polled, size, "floor/two_lines");
        add<rings<waiter::spin<>>>(polled, size, "ferrule/spin");
        add<rings<ferrule::default_waiter>>(polled, size, "ferrule/default");
    }
    for (const std::size_t size : {1U, 64U}) {
        add<raw_futex>(by_futex, size, "floor/futex");
        add<rings<waiter::futex<futex_scope::process_private, asymmetric>>>(by_futex, size, "ferrule/asymmetric");
        add<rings<waiter::futex<futex_scope::process_private, symmetric>>>(by_futex, size, "ferrule/symmetric");
    }
    add<raw_eventfd>(by_eventfd, 1, "floor/eventfd");
    add<rings<waiter::eventfd>>(by_eventfd, 1, "ferrule/eventfd");
    return true;
}();

}  // namespace
