// How long does an 8-byte element take to another thread and back?
#include <benchmark/benchmark.h>

#include <memory>

#include "adapters/contenders.hpp"
#include "support/histogram.hpp"
#include "support/payload.hpp"
#include "support/peer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::uint64_t batch = 4096;
constexpr std::uint64_t sampled_each = 16;  // A clock reading costs a tenth of a trip.

template <class Queue>
void element_round_trip(benchmark::State& state) {
    const placement where = two_processors();
    pin_to(where.here);
    const auto there = std::make_unique<Queue>();
    const auto back = std::make_unique<Queue>();
    peer echo{where.there, [&](auto stopped) {
                  std::uint64_t value = 0;
                  while (!stopped()) {
                      if (there->try_pop(value)) {
                          while (!back->try_push(~value)) {
                              relax();
                          }
                      } else {
                          relax();
                      }
                  }
              }};
    histogram samples;
    std::uint64_t sent = 0;
    std::uint64_t wrong = 0;
    const auto once = [&] {
        const std::uint64_t question = payload::word_at(8 * sent++);
        while (!there->try_push(question)) {
            relax();
        }
        std::uint64_t answer = 0;
        while (!back->try_pop(answer)) {
            relax();
        }
        wrong += answer == ~question ? 0U : 1U;
    };
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (std::uint64_t i = 0; i != batch / sampled_each; ++i) {
            const auto sample_begun = clock::now();
            once();
            samples.add(static_cast<std::uint64_t>((clock::now() - sample_begun).count()));
            for (std::uint64_t j = 1; j != sampled_each; ++j) {
                once();
            }
        }
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    echo.stop();
    if (wrong != 0) {
        state.SkipWithError("an answer did not fit its question");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(sent));
    state.counters["p50_ns"] = static_cast<double>(samples.percentile(0.5));
    state.counters["p99_ns"] = static_cast<double>(samples.percentile(0.99));
    state.counters["p99.9_ns"] = static_cast<double>(samples.percentile(0.999));
}

using ferrule::cursor::cached;
using ferrule::cursor::direct;
using ferrule::guard::checked;

BENCHMARK(element_round_trip<ferrule_ring<std::uint64_t, cached, checked, element_capacity>>)
    ->Name("element_round_trip/ferrule/cached")
    ->UseManualTime();
BENCHMARK(element_round_trip<ferrule_ring<std::uint64_t, direct, checked, element_capacity>>)
    ->Name("element_round_trip/ferrule/direct")
    ->UseManualTime();
BENCHMARK(element_round_trip<boost_fixed_queue<std::uint64_t, element_capacity>>)
    ->Name("element_round_trip/boost/fixed")
    ->UseManualTime();
BENCHMARK(element_round_trip<boost_run_time_queue<std::uint64_t, element_capacity>>)
    ->Name("element_round_trip/boost/run_time")
    ->UseManualTime();

}  // namespace
