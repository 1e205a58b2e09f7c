// Collects what the benchmarks answer, round by round, and prints a table per question that a person can read.
#pragma once

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "question.hpp"
#include "statistics.hpp"

namespace ferrule::bench {

/// Three figures that count: "0.71", "51.2", "834", "12.3k".
[[nodiscard]] inline std::string brief(double value) {
    const char* unit = "";
    for (const char* larger : {"k", "M", "G"}) {
        if (value >= 1e4 || (*unit != '\0' && value >= 999.5)) {
            value /= 1e3;
            unit = larger;
        }
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
    return text;
}

[[nodiscard]] inline std::string spread(const quartiles& of) {
    return std::string{"("}.append(brief(of.lower)).append("-").append(brief(of.upper)).append(")");
}

/// What one contender answered, once per round.
struct answers {
    const asking* of;
    std::vector<benchmark::UserCounters> rounds;

    [[nodiscard]] std::vector<double> figures() const {
        std::vector<double> values;
        for (const benchmark::UserCounters& round : rounds) {
            values.push_back(of->what->answer.of(round));
        }
        return values;
    }
    /// The median of a counter; empty if there is none of that name.
    [[nodiscard]] std::string median(const char* counter) const {
        std::vector<double> values;
        for (const benchmark::UserCounters& round : rounds) {
            if (const auto found = round.find(counter); found != round.end()) {
                values.push_back(found->second.value);
            }
        }
        return values.empty() ? "" : brief(quartiles_of(std::move(values)).median);
    }
};

/// Round by round: neighbours in time share the machine's moods.
[[nodiscard]] inline std::vector<double> ratios(const answers& ours, const answers& theirs) {
    std::vector<double> result = ours.figures();
    const std::vector<double> others = theirs.figures();
    result.resize(std::min(result.size(), others.size()));
    std::transform(result.begin(), result.end(), others.begin(), result.begin(),
                   [](double a, double b) { return a / b; });
    return result;
}

class table final : public benchmark::BenchmarkReporter {
public:
    explicit table(std::size_t rounds) : rounds_{rounds} {
        for (const asking& one : askings()) {
            rows_.push_back({&one, {}});
        }
    }

    bool ReportContext(const Context& /*context*/) override {
        ++round_;
        return true;
    }

    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            const std::string& name = run.run_name.function_name;
            show_progress(name);
            if (run.error_occurred) {
                std::fprintf(stderr, "\n%s: %s\n", name.c_str(), run.error_message.c_str());
                failed_ = true;
                continue;
            }
            const auto row =
                std::find_if(rows_.begin(), rows_.end(), [&](const answers& a) { return a.of->name == name; });
            if (row != rows_.end()) {
                row->rounds.push_back(run.counters);
            }
        }
    }

    /// True if a benchmark found something wrong.
    [[nodiscard]] bool failed() const noexcept { return failed_; }

    void print() const {
        clear_progress();
        for (auto begin = rows_.begin(); begin != rows_.end();) {
            const auto end = std::find_if(begin, rows_.end(), [&](const answers& a) {
                return a.of->what != begin->of->what || a.of->where != begin->of->where;
            });
            std::vector<answers> asked;
            std::copy_if(begin, end, std::back_inserter(asked), [](const answers& a) { return !a.rounds.empty(); });
            if (!asked.empty()) {
                print_comparison(asked);
            }
            begin = end;
        }
    }

private:
    /// Which columns a table has, and how wide.
    struct shape {
        shape(const std::vector<answers>& rows, const answers* compared_with)
            : base{compared_with}, latency{!rows.front().median("p50_ns").empty()} {
            for (const answers& row : rows) {
                name = std::max(name, static_cast<int>(row.of->contender.size()));
            }
        }
        const answers* base;
        bool latency;
        int name = 24;
    };

    void show_progress(const std::string& name) const {
        if (::isatty(STDERR_FILENO) == 1) {
            std::fprintf(stderr, "\r\033[K[round %zu of %zu] %s", round_, rounds_, name.c_str());
        }
    }
    static void clear_progress() {
        if (::isatty(STDERR_FILENO) == 1) {
            std::fprintf(stderr, "\r\033[K");
        }
    }

    static void print_comparison(const std::vector<answers>& rows) {
        const question& what = *rows.front().of->what;
        const std::string& where = rows.front().of->where;
        const auto base =
            std::find_if(rows.begin(), rows.end(), [&](const answers& a) { return a.of->contender == what.baseline; });
        const shape columns{rows, base == rows.end() ? nullptr : &*base};
        std::printf("\n%s%s%s: %s%s\n", what.name.c_str(), where.empty() ? "" : " ", where.c_str(), what.text.c_str(),
                    what.answer.less_is_better ? ", less is better" : "");
        std::printf("%*s %6s %-13s", columns.name, "", what.answer.unit, "(quartiles)");
        if (columns.base != nullptr) {
            std::printf(" %6s %-13s", "ratio", "(quartiles)");
        }
        if (columns.latency) {
            std::printf(" %5s %5s %5s %5s", "p50", "p99", "p99.9", "max");
        } else if (columns.base != nullptr) {
            std::printf(" %6s", what.answer.less_is_better ? "most" : "least");
        }
        std::printf(" cpu\n");
        for (const answers& row : rows) {
            print_row(row, columns);
        }
    }

    static void print_row(const answers& row, const shape& columns) {
        const quartiles figures = quartiles_of(row.figures());
        std::printf("%-*s %6s %-13s", columns.name, row.of->contender.c_str(), brief(figures.median).c_str(),
                    spread(figures).c_str());
        const std::vector<double> all = columns.base == nullptr ? std::vector<double>{} : ratios(row, *columns.base);
        if (!all.empty()) {
            const quartiles ratio = quartiles_of(all);
            std::printf(" %5sx %-13s", brief(ratio.median).c_str(), spread(ratio).c_str());
        }
        if (columns.latency) {
            for (const char* which : {"p50_ns", "p99_ns", "p99.9_ns", "max_ns"}) {
                std::printf(" %5s", row.median(which).c_str());
            }
        } else if (!all.empty()) {
            const auto [least, most] = std::minmax_element(all.begin(), all.end());
            std::printf(" %6s", brief(row.of->what->answer.less_is_better ? *most : *least).c_str());
        }
        const std::string there = row.median("cpu_there");
        std::printf(" %s%s%s\n", row.median("cpu_here").c_str(), there.empty() ? "" : "+", there.c_str());
    }

    std::vector<answers> rows_;
    std::size_t rounds_;
    std::size_t round_ = 0;
    bool failed_ = false;
};

}  // namespace ferrule::bench
