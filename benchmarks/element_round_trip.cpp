// How long does an element take to another thread and back?
//
// The floor is two lines by hand, one for the element and one for a count: what any queue must move.
#include <memory>

#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/hand_off.hpp"
#include "adapters/mutex_deque.hpp"
#include "adapters/pipe.hpp"
#include "support/latency.hpp"
#include "support/peer.hpp"
#include "support/question.hpp"
#include "support/traffic.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::size_t capacity = 4096;

const ask asked{"element_round_trip", "an element to another thread and back", nanoseconds, "boost/fixed"};

template <class Queue, class T>
void push(Queue& queue, const T& value) {
    while (!queue.try_push(value)) {
        queue.await_space();
    }
    if constexpr (requires { queue.publish(); }) {
        queue.publish();  // Who turns to something else says so.
    }
}

/// False once nothing more comes.
template <class Queue, class T>
[[nodiscard]] bool pop(Queue& queue, T& value) {
    while (!queue.try_pop(value)) {
        if (!queue.await_data()) {
            return false;
        }
    }
    return true;
}

/// The answer to the question at `position`.
template <class T>
[[nodiscard]] T answer_at(std::uint64_t position) noexcept {
    return element_at<T>(~position);
}

template <class Queue, class T>
void round_trip(benchmark::State& state, std::uint64_t batch) {
    const placement where = two_processors();
    pin_to(where.here);
    const auto there = std::make_unique<Queue>(capacity);
    const auto back = std::make_unique<Queue>(capacity);
    alignas(128) std::uint64_t wrong = 0;
    peer echo{where.there, [&](auto) {
                  T question{};
                  for (std::uint64_t position = 0; pop(*there, question); position += sizeof(T)) {
                      wrong += same(question, element_at<T>(position)) ? 0U : 1U;
                      push(*back, answer_at<T>(position));
                  }
              }};
    sampled_latency samples;
    std::uint64_t position = 0;
    std::uint64_t wrong_answers = 0;
    const auto once = [&] {
        push(*there, element_at<T>(position));
        T answer{};
        wrong_answers += pop(*back, answer) && same(answer, answer_at<T>(position)) ? 0U : 1U;
        position += sizeof(T);
    };
    once();
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        state.SetIterationTime(samples.time(batch, once));
    }
    state.counters["cpu_here"] = share.so_far();
    there->close();
    state.counters["cpu_there"] = echo.stop();
    if (wrong + wrong_answers != 0) {
        state.SkipWithError("an element arrived wrong");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(position / sizeof(T) - 1));
    samples.report(state);
}

template <class T, class Queue>
void add(const char* where, const char* contender, std::uint64_t batch = 4096) {
    asked(where, contender, [=](benchmark::State& state) { round_trip<Queue, T>(state, batch); })->UseManualTime();
}

template <class T>
void add_all(const char* where) {
    constexpr std::uint64_t slow = 256;  // Who sleeps for every element takes a hundred times as long.
    add<T, boost_fixed_queue<T, capacity>>(where, "boost/fixed");
    add<T, default_ring<T>>(where, "ferrule/default");
    add<T, polled_ring<T>>(where, "ferrule/polled");
    add<T, polled_ring<T, ferrule::cursor::direct>>(where, "ferrule/polled/direct");
    add<T, default_ring<T, ferrule::cursor::batched<64>>>(where, "ferrule/default/batched");
    add<T, two_lines<T>>(where, "floor/two_lines");
    add<T, boost_run_time_queue<T>>(where, "boost/run_time");
    add<T, mutex_deque<T>>(where, "mutex_deque", slow);
    add<T, pipe_queue<T>>(where, "pipe", slow);
}

const bool added = (add_all<std::uint64_t>("size:8"), add_all<line>("size:64"), true);

}  // namespace
