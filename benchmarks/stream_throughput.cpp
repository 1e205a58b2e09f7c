// How many bytes a second go from one thread to another, in chunks of a given size?
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "adapters/contenders.hpp"
#include "support/payload.hpp"
#include "support/peer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::uint64_t batch = 16U << 20U;

template <class Queue>
void stream_throughput(benchmark::State& state) {
    const auto chunk_size = static_cast<std::size_t>(state.range(0));
    const placement where = two_processors();
    pin_to(where.here);
    const auto queue = std::make_unique<Queue>();
    alignas(128) std::atomic<std::uint64_t> received{0};
    alignas(128) std::uint64_t wrong = 0;
    peer consumer{where.there, [&](auto stopped) {
                      std::vector<std::byte> chunk(chunk_size);
                      for (std::uint64_t position = 0;;) {
                          if (const std::size_t n = queue->try_read(chunk); n != 0) {
                              wrong += payload::matches(std::span{chunk}.first(n), position) ? 0U : 1U;
                              position += n;
                              if (position % batch == 0) {
                                  received.store(position, std::memory_order_release);
                              }
                          } else if (stopped()) {
                              return;
                          } else {
                              relax();
                          }
                      }
                  }};
    std::vector<std::byte> chunk(chunk_size);
    std::uint64_t sent = 0;
    const double cpu_begun = cpu_seconds();
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (const std::uint64_t end = sent + batch; sent != end;) {
            payload::write(chunk, sent);
            for (std::span<const std::byte> rest{chunk}; !rest.empty();) {
                const std::size_t n = queue->try_write(rest);
                if (n == 0) {
                    relax();
                }
                rest = rest.subspan(n);
            }
            sent += chunk_size;
        }
        while (received.load(std::memory_order_acquire) != sent) {
            relax();
        }
        state.SetIterationTime(seconds(clock::now() - begun));
    }
    const double cpu = cpu_seconds() - cpu_begun + consumer.stop();
    if (wrong != 0) {
        state.SkipWithError("bytes arrived wrong or out of order");
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(sent));
    state.counters["per_cpu_s"] =
        benchmark::Counter(static_cast<double>(sent) / cpu, benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
}

using ferrule::cursor::cached;
using ferrule::cursor::direct;
using ferrule::guard::checked;

void chunk_sizes(benchmark::internal::Benchmark* b) {
    b->ArgName("chunk")->Arg(64)->Arg(512)->Arg(4096)->Arg(65536)->UseManualTime();
}

BENCHMARK(stream_throughput<ferrule_ring<std::byte, cached, checked, byte_capacity>>)
    ->Name("stream_throughput/ferrule/cached")
    ->Apply(chunk_sizes);
BENCHMARK(stream_throughput<ferrule_ring<std::byte, direct, checked, byte_capacity>>)
    ->Name("stream_throughput/ferrule/direct")
    ->Apply(chunk_sizes);
BENCHMARK(stream_throughput<boost_fixed_queue<std::byte, byte_capacity>>)
    ->Name("stream_throughput/boost/fixed")
    ->Apply(chunk_sizes);
BENCHMARK(stream_throughput<boost_run_time_queue<std::byte, byte_capacity>>)
    ->Name("stream_throughput/boost/run_time")
    ->Apply(chunk_sizes);

}  // namespace
