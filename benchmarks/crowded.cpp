// What do many pairs get through when they have more runnable threads than there are processors?
//
// Every pair plays ping-pong, or streams, on two processors. A waiter that spins without regard would hold the
// processor its own peer needs; a sleeping one never does, and is what the others are measured against.
#include <array>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <ferrule/ferrule.hpp>

#include "support/payload.hpp"
#include "support/pin.hpp"
#include "support/question.hpp"
#include "support/stopwatch.hpp"

namespace {

using namespace ferrule::bench;

/// Whole messages, waiting as the ring's waiter does.
template <class Producer>
void send(Producer& tx, std::span<const std::byte> message) noexcept {
    while (!message.empty()) {
        const std::size_t n = tx.try_write(message);
        message = message.subspan(n);
        if (n == 0 && tx.wait_writable(1, ferrule::no_deadline) != ferrule::status::ok) {
            return;
        }
    }
}

template <class Consumer>
[[nodiscard]] bool receive(Consumer& rx, std::span<std::byte> message) noexcept {
    return rx.wait_readable(message.size(), ferrule::no_deadline) == ferrule::status::ok &&
           rx.try_read(message) == message.size();
}

/// Two threads and two rings. `wrong` counts what did not arrive as it should.
template <class Waiter>
class pair_of_threads {
public:
    void ping_pong(std::uint64_t trips, std::size_t size, std::latch& go) {
        threads_[0] = std::thread{[=, this, &go] {
            auto tx = there_.claim_producer();
            auto rx = back_.claim_consumer();
            std::vector<std::byte> message(size);
            go.arrive_and_wait();
            for (std::uint64_t i = 0; i != trips; ++i) {
                payload::write(message, i * size);
                send(tx, message);
                wrong_ += receive(rx, message) && payload::matches(message, (i + 1) * size) ? 0U : 1U;
            }
        }};
        threads_[1] = std::thread{[=, this, &go] {
            auto rx = there_.claim_consumer();
            auto tx = back_.claim_producer();
            std::vector<std::byte> message(size);
            go.arrive_and_wait();
            for (std::uint64_t i = 0; i != trips; ++i) {
                if (!receive(rx, message) || !payload::matches(message, i * size)) {
                    return;
                }
                payload::write(message, (i + 1) * size);
                send(tx, message);
            }
        }};
    }

    void stream(std::uint64_t messages, std::size_t size, std::latch& go) {
        threads_[0] = std::thread{[=, this, &go] {
            auto tx = there_.claim_producer();
            std::vector<std::byte> message(size);
            go.arrive_and_wait();
            for (std::uint64_t i = 0; i != messages; ++i) {
                payload::write(message, i * size);
                send(tx, message);
            }
        }};
        threads_[1] = std::thread{[=, this, &go] {
            auto rx = there_.claim_consumer();
            std::vector<std::byte> message(size);
            go.arrive_and_wait();
            for (std::uint64_t i = 0; i != messages; ++i) {
                wrong_ += receive(rx, message) && payload::matches(message, i * size) ? 0U : 1U;
            }
        }};
    }

    /// How many messages went wrong.
    [[nodiscard]] std::uint64_t finish() {
        for (std::thread& thread : threads_) {
            thread.join();
        }
        return wrong_;
    }

private:
    using ring_type = ferrule::heap_ring<std::byte, Waiter>;
    static constexpr std::size_t capacity = 256 << 10;
    ring_type there_{capacity};
    ring_type back_{capacity};
    std::array<std::thread, 2> threads_;
    std::uint64_t wrong_ = 0;
};

enum class work { round_trips, stream };

template <class Waiter, work Work>
void crowded(benchmark::State& state, std::size_t pairs, std::size_t size) {
    constexpr std::uint64_t each = Work == work::round_trips ? 500 : 50'000;
    const only_on kept{two_processors()};
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        std::vector<pair_of_threads<Waiter>> crowd(pairs);
        std::latch go{static_cast<std::ptrdiff_t>(2 * pairs + 1)};
        for (auto& one : crowd) {
            if constexpr (Work == work::round_trips) {
                one.ping_pong(each, size, go);
            } else {
                one.stream(each, size, go);
            }
        }
        go.arrive_and_wait();
        const auto begun = clock::now();
        for (auto& one : crowd) {
            wrong += one.finish();
        }
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    if (wrong != 0) {
        state.SkipWithError("messages arrived wrong");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pairs * each));
}

namespace waiter = ferrule::waiter;

const ask trips{"crowded_round_trips", "round trips of many pairs of threads on two processors", thousand_per_second,
                "futex"};
const ask streams{"crowded_streams", "messages of many pairs of threads on two processors", thousand_per_second,
                  "futex"};

template <class Waiter, work Work>
void add(const ask& asked, std::size_t pairs, std::size_t size, const char* name) {
    asked("pairs:" + std::to_string(pairs) + "/size:" + std::to_string(size), name, [=](benchmark::State& state) {
        crowded<Waiter, Work>(state, pairs, size);
    })->UseManualTime();
}

template <work Work>
void add_all(const ask& asked) {
    for (const std::size_t pairs : {1U, 8U}) {
        for (const std::size_t size : {64U, 1024U}) {
            add<waiter::futex<>, Work>(asked, pairs, size, "futex");
            add<ferrule::default_waiter, Work>(asked, pairs, size, "default");
            add<waiter::spin<>, Work>(asked, pairs, size, "spin");
        }
    }
}

const bool added = (add_all<work::round_trips>(trips), add_all<work::stream>(streams), true);

}  // namespace
