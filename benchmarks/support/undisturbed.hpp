// How long something takes while nobody else wants the processors. Of many short batches, each over before the
// scheduler comes round, the fastest tenth has met nobody; where others keep the machine busy means and medians say how
// busy.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "question.hpp"

namespace ferrule::bench {

class undisturbed {
public:
    /// A batch took so long. Returns it.
    double add(double seconds) {
        batches_.push_back(seconds);
        return seconds;
    }

    /// What one of the `in_a_batch` takes in a batch at the slow end of the fastest tenth.
    void report(benchmark::State& state, std::size_t in_a_batch) {
        const auto tenth = batches_.begin() + static_cast<std::ptrdiff_t>(batches_.size() / 10);
        std::nth_element(batches_.begin(), tenth, batches_.end());
        state.counters["undisturbed_ns"] = 1e9 * *tenth / static_cast<double>(in_a_batch);
    }

private:
    std::vector<double> batches_;
};

inline constexpr figure nanoseconds_undisturbed{
    "ns", [](const benchmark::UserCounters& c) { return c.at("undisturbed_ns").value; }, true};

}  // namespace ferrule::bench
