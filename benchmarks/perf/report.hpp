// The table, and the line that says what is going on meanwhile.
#pragma once

#include <sys/utsname.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "../support/pin.hpp"
#include "../support/statistics.hpp"
#include "measure.hpp"

namespace ferrule::bench {

/// "64 B", "16 KiB".
[[nodiscard]] inline std::string human_size(std::size_t bytes) {
    return bytes < 1024 ? std::to_string(bytes) + " B" : std::to_string(bytes / 1024) + " KiB";
}

/// One row: what the repetitions of one path at one size came to.
struct row {
    const char* path;
    std::vector<measurement> repetitions;
};

/// The ratio of `ours` to `theirs`, repetition by repetition: neighbours in time share the machine's moods.
[[nodiscard]] inline quartiles ratio(const row& ours, const row& theirs) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i != ours.repetitions.size(); ++i) {
        ratios.push_back(ours.repetitions[i].per_second / theirs.repetitions[i].per_second);
    }
    return quartiles_of(std::move(ratios));
}

template <class Field>
[[nodiscard]] double median(const row& of, Field field) {
    std::vector<double> values;
    for (const measurement& m : of.repetitions) {
        values.push_back(field(m));
    }
    return quartiles_of(std::move(values)).median;
}

/// Prints to the terminal what is being measured, over and over on one line; nothing where nobody looks.
class progress {
public:
    explicit progress(std::size_t steps) : steps_{steps}, shown_{::isatty(STDERR_FILENO) == 1} {}

    void step(const std::string& what) {
        ++done_;
        if (shown_) {
            std::fprintf(stderr, "\r\033[K[%3zu%%] %s", 100 * done_ / steps_, what.c_str());
        }
    }
    void clear() const {
        if (shown_) {
            std::fprintf(stderr, "\r\033[K");
        }
    }

private:
    std::size_t steps_;
    std::size_t done_ = 0;
    bool shown_;
};

inline std::string processor_name() {
    std::FILE* const file = std::fopen("/proc/cpuinfo", "r");
    std::string name = "unknown processor";
    char line[256];
    while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
        const std::string text{line};
        if (text.starts_with("model name")) {
            name = text.substr(text.find(':') + 2);
            name.pop_back();
            break;
        }
    }
    if (file != nullptr) {
        std::fclose(file);
    }
    return name;
}

/// Without which no figure means anything.
inline void print_context(placement where, std::size_t repetitions, double seconds_each) {
    ::utsname kernel{};
    ::uname(&kernel);
    std::printf("%s, Linux %s, %s %s\n", processor_name().c_str(), kernel.release,
#if defined(__clang__)
                "clang",
#else
                "g++",
#endif
                __VERSION__);
    std::printf("two processes pinned to processors %zu and %zu%s; medians of %zu interleaved repetitions of %.2f s\n",
                where.here, where.there, where.shared() ? " (only one: the ring cannot shine)" : "", repetitions,
                seconds_each);
    std::printf("every byte written and verified; cpu = processor seconds of both ends per second\n");
}

inline void print_round_trips(std::size_t size, const std::vector<row>& rows) {
    for (const row& r : rows) {
        histogram all;
        for (const measurement& m : r.repetitions) {
            all.add(m.latency);
        }
        const auto microseconds = [&](double fraction) { return static_cast<double>(all.percentile(fraction)) / 1000; };
        const quartiles q = ratio(r, rows.front());
        std::printf("%8s  %-13s %9.1f %9.2f %9.2f %9.2f %6.2f %8.2fx  (%.2f-%.2f)\n",
                    &r == &rows.front() ? human_size(size).c_str() : "", r.path,
                    median(r, [](const measurement& m) { return m.per_second / 1000; }), microseconds(0.5),
                    microseconds(0.99), microseconds(0.999), median(r, [](const measurement& m) { return m.cpu; }),
                    q.median, q.lower, q.upper);
    }
}

inline void print_stream(std::size_t size, const std::vector<row>& rows) {
    for (const row& r : rows) {
        const double bytes = median(r, [](const measurement& m) { return m.per_second; });
        const double per_cpu = median(r, [](const measurement& m) { return m.per_second / m.cpu; });
        const quartiles q = ratio(r, rows.front());
        std::printf("%8s  %-13s %9.0f %9.1f %19.0f %6.2f %8.2fx  (%.2f-%.2f)\n",
                    &r == &rows.front() ? human_size(size).c_str() : "", r.path, bytes * 8 / 1e6,
                    1e9 * static_cast<double>(size) / bytes, per_cpu * 8 / 1e6,
                    median(r, [](const measurement& m) { return m.cpu; }), q.median, q.lower, q.upper);
    }
}

}  // namespace ferrule::bench
