// The two questions asked of every path, by the same loops, between two processes: how fast is a round trip, how fast
// is a stream. Every byte is written, carried and verified; a wrong one ends the program.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/give_up.hpp"
#include "../support/histogram.hpp"
#include "../support/payload.hpp"
#include "../support/pin.hpp"
#include "../support/side.hpp"
#include "../support/stopwatch.hpp"

namespace ferrule::bench {

struct measurement {
    double per_second = 0;  ///< Round trips, or bytes, per second of wall time of the slower end.
    double cpu = 0;         ///< Processor seconds of both ends per second of wall time.
    histogram latency;      ///< Round trips only, in nanoseconds.
};

inline void require_payload(std::span<const std::byte> bytes, std::uint64_t position, const char* path) {
    if (!payload::matches(bytes, position)) {
        std::fprintf(stderr, "%s delivered something else than was sent, near byte %llu\n", path,
                     static_cast<unsigned long long>(position));
        std::exit(1);
    }
}

/// Receives exactly all of `to`; false if the stream ended first.
template <class End>
[[nodiscard]] bool receive_all(End& end, std::span<std::byte> to) {
    while (!to.empty()) {
        const std::size_t n = end.receive(to);
        if (n == 0) {
            return false;
        }
        to = to.subspan(n);
    }
    return true;
}

/// What a process has inherited and does not use, such as the other's end of a connection.
template <class T>
void drop(T&& not_ours) {
    const std::remove_reference_t<T> dropped{std::forward<T>(not_ours)};
}

/// A client sends `size` bytes and waits for as many to come back from another process, again and again for `time`.
template <class Path>
[[nodiscard]] measurement round_trips(std::size_t size, clock::duration time, placement where) {
    auto ends = Path::connect();
    in_common<double> server_cpu;
    in_process server{where.there, [&] {
                          drop(std::move(ends.near));
                          auto end = Path::open(std::move(ends.far));
                          std::vector<std::byte> buffer(size);
                          const double begun = cpu_seconds();
                          for (std::uint64_t position = 0; receive_all(end, std::span{buffer}); position += size) {
                              require_payload(buffer, position, Path::name);
                              payload::write(buffer, position + 1);  // The answer differs from the question.
                              end.send(buffer);
                          }
                          *server_cpu = cpu_seconds() - begun;
                          end.finish_sending();
                      }};
    drop(std::move(ends.far));
    const only_on here{{where.here, where.here}};
    auto end = Path::open(std::move(ends.near));
    std::vector<std::byte> buffer(size);
    std::uint64_t position = 0;
    const auto once = [&] {
        payload::write(buffer, position);
        end.send(buffer);
        if (!receive_all(end, std::span{buffer})) {
            give_up("the server ended early");
        }
        require_payload(buffer, position + 1, Path::name);
        position += size;
    };
    for (int i = 0; i != 100; ++i) {
        once();
    }
    measurement result;
    std::uint64_t trips = 0;
    const double cpu_begun = cpu_seconds();
    const auto begun = clock::now();
    auto last = begun;
    while (last - begun < time) {
        once();
        const auto now = clock::now();
        result.latency.add(static_cast<std::uint64_t>((now - last).count()));
        last = now;
        ++trips;
    }
    const double wall = seconds(last - begun);
    result.per_second = static_cast<double>(trips) / wall;
    result.cpu = (cpu_seconds() - cpu_begun) / wall;
    end.finish_sending();
    server.join();
    result.cpu += *server_cpu / seconds(time);
    return result;
}

/// A sender sends messages of `size` bytes one after the other for `time`; a receiver in another process reads them as
/// they come.
template <class Path>
[[nodiscard]] measurement stream(std::size_t size, clock::duration time, placement where) {
    struct reception {
        std::uint64_t bytes;
        clock::time_point last;
        double cpu;
    };
    auto ends = Path::connect();
    in_common<reception> found;
    in_process receiver{where.there, [&] {
                            drop(std::move(ends.near));
                            auto end = Path::open(std::move(ends.far));
                            std::vector<std::byte> buffer(size);
                            const double begun = cpu_seconds();
                            while (const std::size_t n = end.receive(buffer)) {
                                require_payload(std::span{buffer}.first(n), found->bytes, Path::name);
                                found->bytes += n;
                            }
                            found->last = clock::now();
                            found->cpu = cpu_seconds() - begun;
                        }};
    drop(std::move(ends.far));
    const only_on here{{where.here, where.here}};
    auto end = Path::open(std::move(ends.near));
    std::vector<std::byte> buffer(size);
    const double begun = cpu_seconds();
    const auto first = clock::now();
    std::uint64_t sent = 0;
    // The clock is read often enough to stop in time, and seldom enough not to be what is measured.
    const std::size_t burst = 1 + 65536 / size;
    while (clock::now() - first < time) {
        for (std::size_t i = 0; i != burst; ++i, sent += size) {
            payload::write(buffer, sent);
            end.send(buffer);
        }
    }
    end.finish_sending();
    const double cpu = cpu_seconds() - begun;
    receiver.join();
    const double wall = seconds(found->last - first);
    measurement result;
    result.per_second = static_cast<double>(found->bytes) / wall;
    result.cpu = (cpu + found->cpu) / wall;
    return result;
}

}  // namespace ferrule::bench
