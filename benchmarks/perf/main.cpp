// ferrule-perf: the same bytes over the paths there are, side by side, as a table.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "measure.hpp"
#include "paths/heap_ring.hpp"
#include "paths/socket.hpp"
#include "report.hpp"

namespace {

using namespace ferrule::bench;

struct settings {
    std::size_t repetitions = 5;
    std::chrono::milliseconds each{120};
    std::vector<std::size_t> round_trip_sizes{1, 64, 1024, 16384, 65536};
    std::vector<std::size_t> stream_sizes{64, 256, 1024, 4096, 16384, 65536};
};

/// Measures each path once a round, round after round, so that no path has the machine's good minute for itself.
template <class... Path, class Measure>
std::vector<row> interleaved(const settings& with, progress& shown, const std::string& what, Measure measure) {
    std::vector<row> rows{row{Path::name, {}}...};
    for (std::size_t repetition = 0; repetition != with.repetitions; ++repetition) {
        std::size_t i = 0;
        (..., (shown.step(what + " over " + Path::name),
               rows[i++].repetitions.push_back(measure.template operator()<Path>())));
    }
    shown.clear();
    return rows;
}

void run(const settings& with) {
    const placement where = two_processors();
    progress shown{with.repetitions * (4 * with.round_trip_sizes.size() + 5 * with.stream_sizes.size())};
    print_context(where, with.repetitions, seconds(with.each));

    std::printf("\nROUND TRIP                   k/s    p50 us    p99 us  p99.9 us    cpu   vs TCP  (quartiles)\n");
    for (const std::size_t size : with.round_trip_sizes) {
        const auto rows = interleaved<tcp<nagle::off>, af_unix, parked_ring, default_ring>(
            with, shown, human_size(size) + " round trips",
            [&]<class Path> { return round_trips<Path>(size, with.each, where); });
        print_round_trips(size, rows);
        std::fflush(stdout);
    }

    std::printf("\nSTREAM                    Mbit/s   ns/send      Mbit/s per cpu s    cpu   vs TCP  (quartiles)\n");
    for (const std::size_t size : with.stream_sizes) {
        const auto rows = interleaved<tcp<nagle::on>, tcp<nagle::off>, af_unix, parked_ring, default_ring>(
            with, shown, human_size(size) + " messages",
            [&]<class Path> { return stream<Path>(size, with.each, where); });
        print_stream(size, rows);
        std::fflush(stdout);
    }
}

[[noreturn]] void explain(int code) {
    std::fprintf(code == 0 ? stdout : stderr,
                 "ferrule-perf [--repetitions N] [--milliseconds N] [--smoke]\n"
                 "  --repetitions N   how often each cell is measured (default 5)\n"
                 "  --milliseconds N  how long each time (default 120)\n"
                 "  --smoke           a few milliseconds in all: does it run, are the bytes right\n");
    std::exit(code);
}

settings parse(int argc, char** argv) {
    settings with;
    for (int i = 1; i < argc; ++i) {
        const auto number = [&] {
            const long n = i + 1 < argc ? std::strtol(argv[++i], nullptr, 10) : 0;
            if (n <= 0) {
                explain(2);
            }
            return n;
        };
        if (std::strcmp(argv[i], "--repetitions") == 0) {
            with.repetitions = static_cast<std::size_t>(number());
        } else if (std::strcmp(argv[i], "--milliseconds") == 0) {
            with.each = std::chrono::milliseconds{number()};
        } else if (std::strcmp(argv[i], "--smoke") == 0) {
            with.repetitions = 1;
            with.each = std::chrono::milliseconds{2};
        } else {
            explain(std::strcmp(argv[i], "--help") == 0 ? 0 : 2);
        }
    }
    return with;
}

}  // namespace

int main(int argc, char** argv) { run(parse(argc, argv)); }
