// Times round trips: all of them together, and every sixteenth by itself, because reading the clock costs a tenth of
// one.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

#include "histogram.hpp"
#include "stopwatch.hpp"

namespace ferrule::bench {

class sampled_latency {
public:
    /// Does it `times` times, a multiple of sixteen. Returns how long that took, in seconds.
    template <class Once>
    [[nodiscard]] double time(std::uint64_t times, Once&& once) {
        const auto begun = clock::now();
        for (std::uint64_t i = 0; i != times / one_in; ++i) {
            const auto sample_begun = clock::now();
            once();
            samples_.add(static_cast<std::uint64_t>((clock::now() - sample_begun).count()));
            for (std::uint64_t j = 1; j != one_in; ++j) {
                once();
            }
        }
        return seconds(clock::now() - begun);
    }

    void report(benchmark::State& state) const {
        const auto nanoseconds = [&](double fraction) { return static_cast<double>(samples_.percentile(fraction)); };
        state.counters["p50_ns"] = nanoseconds(0.5);
        state.counters["p99_ns"] = nanoseconds(0.99);
        state.counters["p99.9_ns"] = nanoseconds(0.999);
        state.counters["max_ns"] = nanoseconds(1);
    }

private:
    static constexpr std::uint64_t one_in = 16;
    histogram samples_;
};

}  // namespace ferrule::bench
