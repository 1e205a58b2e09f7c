// How many 8-byte elements a second go from one thread to another, one at a time?
#include <benchmark/benchmark.h>

#include <memory>

#include "adapters/contenders.hpp"
#include "support/payload.hpp"
#include "support/peer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::uint64_t batch = 1U << 18U;

template <class Queue>
void element_throughput(benchmark::State& state) {
    const placement where = two_processors();
    pin_to(where.here);
    const auto queue = std::make_unique<Queue>();
    alignas(128) std::atomic<std::uint64_t> received{0};
    alignas(128) std::uint64_t wrong = 0;
    peer consumer{where.there, [&](auto stopped) {
                      std::uint64_t value = 0;
                      for (std::uint64_t next = 0;;) {
                          if (queue->try_pop(value)) {
                              wrong += value == payload::word_at(8 * next++) ? 0U : 1U;
                              if (next % batch == 0) {
                                  received.store(next, std::memory_order_release);
                              }
                          } else if (stopped()) {
                              return;
                          } else {
                              relax();
                          }
                      }
                  }};
    std::uint64_t sent = 0;
    const double cpu_begun = cpu_seconds();
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (std::uint64_t i = 0; i != batch; ++i, ++sent) {
            while (!queue->try_push(payload::word_at(8 * sent))) {
                relax();
            }
        }
        while (received.load(std::memory_order_acquire) != sent) {
            relax();
        }
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    const double cpu = cpu_seconds() - cpu_begun + consumer.stop();
    if (wrong != 0) {
        state.SkipWithError("elements arrived wrong or out of order");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(sent));
    state.counters["per_cpu_s"] = static_cast<double>(sent) / cpu;
}

using ferrule::cursor::cached;
using ferrule::cursor::direct;
using ferrule::guard::checked;
using ferrule::guard::none;

BENCHMARK(element_throughput<ferrule_ring<std::uint64_t, cached, checked, element_capacity>>)
    ->Name("element_throughput/ferrule/cached")
    ->UseManualTime();
BENCHMARK(element_throughput<ferrule_ring<std::uint64_t, cached, none, element_capacity>>)
    ->Name("element_throughput/ferrule/cached/unguarded")
    ->UseManualTime();
BENCHMARK(element_throughput<ferrule_ring<std::uint64_t, direct, checked, element_capacity>>)
    ->Name("element_throughput/ferrule/direct")
    ->UseManualTime();
BENCHMARK(element_throughput<boost_fixed_queue<std::uint64_t, element_capacity>>)
    ->Name("element_throughput/boost/fixed")
    ->UseManualTime();
BENCHMARK(element_throughput<boost_run_time_queue<std::uint64_t, element_capacity>>)
    ->Name("element_throughput/boost/run_time")
    ->UseManualTime();

}  // namespace
