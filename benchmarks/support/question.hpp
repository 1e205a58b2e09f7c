// A question, and who is asked: what the table needs to know beside the figures.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ferrule::bench {

/// How an answer reads.
struct figure {
    const char* unit;
    double (*of)(const benchmark::UserCounters& counters);
    bool less_is_better = false;
};

inline constexpr figure million_per_second{
    "M/s", [](const benchmark::UserCounters& c) { return 1e-6 * c.at("items_per_second").value; }};
inline constexpr figure thousand_per_second{
    "k/s", [](const benchmark::UserCounters& c) { return 1e-3 * c.at("items_per_second").value; }};
inline constexpr figure gigabits_per_second{
    "Gbit/s", [](const benchmark::UserCounters& c) { return 8e-9 * c.at("bytes_per_second").value; }};
inline constexpr figure nanoseconds{
    "ns", [](const benchmark::UserCounters& c) { return 1e9 / c.at("items_per_second").value; }, true};

struct question {
    std::string name;  ///< What the names of its benchmarks begin with.
    std::string text;  ///< One line.
    figure answer;
    std::string baseline;  ///< The contender the others are compared with; empty if none.
};

/// A benchmark, taken apart.
struct asking {
    std::string name;
    std::shared_ptr<const question> what;
    std::string where;  ///< What the answer depends on, as in "chunk:64"; contenders are compared where it is the same.
    std::string contender;
};

/// Everything that can be asked, in the order in which it is.
[[nodiscard]] inline std::vector<asking>& askings() {
    static std::vector<asking> all;
    return all;
}

/// Asks a question of one contender after another.
class ask {
public:
    ask(std::string name, std::string text, figure answer, std::string baseline)
        : what_{std::make_shared<question>(question{std::move(name), std::move(text), answer, std::move(baseline)})} {}

    template <class Run>
    benchmark::internal::Benchmark* operator()(std::string where, std::string contender, Run run) const {
        std::string name = what_->name + "/" + (where.empty() ? "" : where + "/") + contender;
        askings().push_back({name, what_, std::move(where), std::move(contender)});
        return benchmark::RegisterBenchmark(name.c_str(), run);
    }

private:
    std::shared_ptr<const question> what_;
};

}  // namespace ferrule::bench
