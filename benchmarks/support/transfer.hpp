// The loop that asks every contender for its throughput: one thread sends, another receives and verifies.
#pragma once

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "peer.hpp"
#include "pin.hpp"
#include "stopwatch.hpp"
#include "traffic.hpp"

namespace ferrule::bench {

/// Sends `batch` bytes over and over through a queue with room for `capacity` elements. Times are from the first byte
/// sent until the last is received. `batch` is a multiple of what a piece is.
template <class Queue, class Traffic>
void transfer(benchmark::State& state, std::size_t capacity, std::uint64_t batch, Traffic traffic) {
    const placement where = two_processors();
    pin_to(where.here);
    const auto queue = std::make_unique<Queue>(capacity);
    alignas(128) std::atomic<std::uint64_t> done{0};
    alignas(128) std::uint64_t wrong = 0;
    peer consumer{where.there, [&, traffic](auto) mutable {
                      for (std::uint64_t position = 0, end = batch;;) {
                          const received got = traffic.receive(*queue, position);
                          if (got.bytes != 0) {
                              wrong += got.right ? 0U : 1U;
                              position += got.bytes;
                              if (position == end) {
                                  end += batch;
                                  done.store(position, std::memory_order_release);
                              }
                          } else if (!queue->await_data()) {
                              return;
                          }
                      }
                  }};
    std::uint64_t sent = 0;
    const auto send_batch = [&] {
        for (const std::uint64_t end = sent + batch; sent != end; sent += traffic.piece()) {
            traffic.send(*queue, sent);
        }
        if constexpr (requires { queue->publish(); }) {
            queue->publish();
        }
        while (done.load(std::memory_order_acquire) != sent) {
            relax();
        }
    };
    send_batch();  // Touches every page once, and lets both ends find their pace.
    const std::uint64_t warmed_up = sent;
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        send_batch();
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    state.counters["cpu_here"] = share.so_far();
    queue->close();
    state.counters["cpu_there"] = consumer.stop();
    if (wrong != 0) {
        state.SkipWithError("something arrived wrong or out of order");
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(sent - warmed_up));
    state.SetItemsProcessed(static_cast<std::int64_t>((sent - warmed_up) / traffic.piece()));
}

}  // namespace ferrule::bench
