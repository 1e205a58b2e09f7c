// Medians and quartiles of repetitions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ferrule::bench {

struct quartiles {
    double lower;
    double median;
    double upper;
};

/// By linear interpolation between the two nearest values. `values` must not be empty.
[[nodiscard]] inline quartiles quartiles_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double fraction) {
        const double rank = fraction * static_cast<double>(values.size() - 1);
        const auto below = static_cast<std::size_t>(rank);
        const std::size_t above = std::min(below + 1, values.size() - 1);
        return values[below] + (rank - static_cast<double>(below)) * (values[above] - values[below]);
    };
    return {at(0.25), at(0.5), at(0.75)};
}

}  // namespace ferrule::bench
