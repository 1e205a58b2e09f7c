// ferrule-perf: the same bytes over the paths there are, side by side, as a table.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "measure.hpp"
#include "paths/floor.hpp"
#include "paths/socket.hpp"
#include "paths/spliced.hpp"
#include "report.hpp"

namespace {

using namespace ferrule::bench;

struct settings {
    std::size_t repetitions = 5;
    std::chrono::milliseconds each{120};
    placement where = two_processors();
    bool floors = false;
    std::vector<std::size_t> round_trip_sizes{1, 8, 64, 256, 1024, 4096, 16384, 65536};
    std::vector<std::size_t> stream_sizes{8, 64, 256, 1024, 4096, 16384, 65536};
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

template <class... Path>
struct paths {
    static constexpr std::size_t count = sizeof...(Path);
};
using round_trip_paths = paths<tcp<nagle::off>, unpaired_stream, af_unix, parked_stream, default_stream, polled_stream>;
using round_trip_paths_and_floors = paths<tcp<nagle::off>, unpaired_stream, af_unix, parked_stream, bell_floor,
                                          default_stream, polled_stream, two_line_floor>;
using stream_paths = paths<tcp<nagle::on>, tcp<nagle::off>, af_unix, parked_stream, default_stream, polled_stream>;

template <class... Path>
std::vector<row> all_round_trips(paths<Path...> /*which*/, const settings& with, progress& shown, std::size_t size) {
    return interleaved<Path...>(with, shown, human_size(size) + " round trips",
                                [&]<class One> { return round_trips<One>(size, with.each, with.where); });
}
template <class... Path>
std::vector<row> all_streams(paths<Path...> /*which*/, const settings& with, progress& shown, std::size_t size) {
    return interleaved<Path...>(with, shown, human_size(size) + " messages",
                                [&]<class One> { return stream<One>(size, with.each, with.where); });
}

void run(const settings& with) {
    const std::size_t round_trip_count = with.floors ? round_trip_paths_and_floors::count : round_trip_paths::count;
    progress shown{with.repetitions *
                   (round_trip_count * with.round_trip_sizes.size() + stream_paths::count * with.stream_sizes.size())};
    print_context(with.where, with.repetitions, seconds(with.each));
    std::printf(
        "ring: send() and recv() of a stream over a TCP connection, both of whose ends were adopted\n"
        "      and share rings; asleep on a pipe and the socket, symmetric barrier\n");

    std::printf("\nROUND TRIP                    k/s    p50 us    p99 us  p99.9 us    cpu   vs TCP  (quartiles)\n");
    for (const std::size_t size : with.round_trip_sizes) {
        print_round_trips(size, with.floors ? all_round_trips(round_trip_paths_and_floors{}, with, shown, size)
                                            : all_round_trips(round_trip_paths{}, with, shown, size));
        std::fflush(stdout);
    }

    std::printf("\nSTREAM                     Mbit/s   ns/send      Mbit/s per cpu s    cpu   vs TCP  (quartiles)\n");
    for (const std::size_t size : with.stream_sizes) {
        print_stream(size, all_streams(stream_paths{}, with, shown, size));
        std::fflush(stdout);
    }
}

[[noreturn]] void explain(int code) {
    std::fprintf(code == 0 ? stdout : stderr,
                 "ferrule-perf [--repetitions N] [--milliseconds N] [--sizes N,N,...] [--floors] [--smoke]\n"
                 "  --repetitions N   how often each cell is measured (default 5)\n"
                 "  --milliseconds N  how long each time (default 120)\n"
                 "  --sizes N,N,...   bytes of a message (default: 1 to 65536)\n"
                 "  --floors          round trips of what no path can beat, in the same run\n"
                 "  --smoke           a few milliseconds in all: does it run, are the bytes right\n");
    std::exit(code);
}

std::vector<std::size_t> sizes(const char* list) {
    std::vector<std::size_t> all;
    for (char* rest = nullptr; *list != '\0'; list = *rest == ',' ? rest + 1 : rest) {
        const long n = std::strtol(list, &rest, 10);
        if (n <= 0 || rest == list || (*rest != ',' && *rest != '\0')) {
            explain(2);
        }
        all.push_back(static_cast<std::size_t>(n));
    }
    if (all.empty()) {
        explain(2);
    }
    return all;
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
        } else if (std::strcmp(argv[i], "--sizes") == 0) {
            with.round_trip_sizes = with.stream_sizes = sizes(i + 1 < argc ? argv[++i] : "");
        } else if (std::strcmp(argv[i], "--floors") == 0) {
            with.floors = true;
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
