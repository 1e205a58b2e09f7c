// How long does a round trip of one byte, or 64, take through each waiter, against the primitive it rests on?
//
// Floors, written as fast as we can: `one_line` passes a flag back and forth in one cache line; `two_lines` passes a
// payload line and a cursor line, as any ring must; `futex` and `eventfd` sleep for every turn.
#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>

#include <ferrule/ferrule.hpp>

#include "support/histogram.hpp"
#include "support/payload.hpp"
#include "support/peer.hpp"

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
        message_ = message[0];
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
        to[0] = message_;
        return true;
    }
    void end() noexcept {
        turn_.store(over, std::memory_order_release);
        futex_wake(&turn_, futex_scope::process_private);
    }

private:
    static constexpr std::uint32_t over = 2;
    std::atomic<std::uint32_t> turn_{9};
    std::byte message_{};
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
        message_ = message[0];
        ::eventfd_write(fds_[1 - Me], 1);
    }
    template <int Me>
    [[nodiscard]] bool receive(std::span<std::byte> to) noexcept {
        ::eventfd_t count = 0;
        ::eventfd_read(fds_[Me], &count);
        to[0] = message_;
        return !over_.load(std::memory_order_relaxed);
    }
    void end() noexcept {
        over_.store(true, std::memory_order_relaxed);
        ::eventfd_write(fds_[1], 1);
    }

private:
    std::array<int, 2> fds_;
    std::byte message_{};
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
void wait_round_trip(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
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
    std::uint64_t sent = 0;
    std::uint64_t wrong = 0;
    const double cpu_begun = cpu_seconds();
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (std::uint64_t i = 0; i != batch; ++i, ++sent) {
            const auto question = static_cast<std::byte>(sent);
            mine[0] = question;
            game->template send<0>(mine);
            wrong += game->template receive<0>(mine) && mine[0] == ~question ? 0U : 1U;
        }
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    const double cpu = cpu_seconds() - cpu_begun;
    game->end();
    const double both = cpu + echo.stop();
    if (wrong != 0) {
        state.SkipWithError("an answer did not fit its question");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(sent));
    state.counters["cpu_us_per_trip"] = 1e6 * both / static_cast<double>(sent);
}

using ferrule::barrier::asymmetric;
using ferrule::barrier::symmetric;
namespace waiter = ferrule::waiter;

void one_byte(benchmark::internal::Benchmark* b) { b->ArgName("size")->Arg(1)->UseManualTime(); }
void both_sizes(benchmark::internal::Benchmark* b) { b->ArgName("size")->Arg(1)->Arg(64)->UseManualTime(); }

BENCHMARK(wait_round_trip<one_line>)->Name("wait_round_trip/floor/one_line")->Apply(one_byte);
BENCHMARK(wait_round_trip<two_lines>)->Name("wait_round_trip/floor/two_lines")->Apply(both_sizes);
BENCHMARK(wait_round_trip<rings<waiter::spin<>>>)->Name("wait_round_trip/ferrule/spin")->Apply(both_sizes);
BENCHMARK(wait_round_trip<rings<ferrule::default_waiter>>)->Name("wait_round_trip/ferrule/default")->Apply(both_sizes);
BENCHMARK(wait_round_trip<raw_futex>)->Name("wait_round_trip/floor/futex")->Apply(one_byte);
BENCHMARK(wait_round_trip<rings<waiter::futex<futex_scope::process_private, asymmetric>>>)
    ->Name("wait_round_trip/ferrule/futex/asymmetric")
    ->Apply(both_sizes);
BENCHMARK(wait_round_trip<rings<waiter::futex<futex_scope::process_private, symmetric>>>)
    ->Name("wait_round_trip/ferrule/futex/symmetric")
    ->Apply(both_sizes);
BENCHMARK(wait_round_trip<raw_eventfd>)->Name("wait_round_trip/floor/eventfd")->Apply(one_byte);
BENCHMARK(wait_round_trip<rings<waiter::eventfd>>)->Name("wait_round_trip/ferrule/eventfd")->Apply(one_byte);

}  // namespace
