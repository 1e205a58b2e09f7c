// What does it cost one thread to publish, with each form of the barrier, while nobody sleeps?
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include <ferrule/ferrule.hpp>

#include "support/payload.hpp"
#include "support/pin.hpp"

namespace {

using namespace ferrule::bench;

/// Writes and reads back messages of a size, in a ring that stays in cache.
template <class Waiter>
void publish_cost(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    pin_to(two_processors().here);
    ferrule::heap_ring<std::byte, Waiter> ring{4096};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    std::array<std::byte, 64> out{};
    std::array<std::byte, 64> in{};
    std::uint64_t position = 0;
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        std::memcpy(out.data(), &position, sizeof position);
        benchmark::DoNotOptimize(tx.try_write(std::span{out}.first(size)));
        benchmark::DoNotOptimize(rx.try_read(std::span{in}.first(size)));
        wrong += std::memcmp(in.data(), &position, sizeof position) == 0 ? 0U : 1U;
        ++position;
    }
    if (wrong != 0) {
        state.SkipWithError("a message came back wrong");
    }
}

/// The floor: two copies of a size the compiler does not know.
void two_copies(benchmark::State& state) {
    auto size = static_cast<std::size_t>(state.range(0));
    pin_to(two_processors().here);
    std::array<std::byte, 64> out{};
    std::array<std::byte, 64> between{};
    std::array<std::byte, 64> in{};
    std::uint64_t position = 0;
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(size);
        std::memcpy(out.data(), &position, sizeof position);
        std::memcpy(between.data(), out.data(), size);
        benchmark::ClobberMemory();
        std::memcpy(in.data(), between.data(), size);
        wrong += std::memcmp(in.data(), &position, sizeof position) == 0 ? 0U : 1U;
        ++position;
    }
    if (wrong != 0) {
        state.SkipWithError("a message came back wrong");
    }
}

using ferrule::futex_scope;
namespace barrier = ferrule::barrier;
namespace waiter = ferrule::waiter;

void sizes(benchmark::internal::Benchmark* b) { b->ArgName("size")->Arg(8)->Arg(64); }

BENCHMARK(two_copies)->Name("publish_cost/floor/two_copies")->Apply(sizes);
BENCHMARK(publish_cost<waiter::never>)->Name("publish_cost/never")->Apply(sizes);
BENCHMARK(publish_cost<waiter::futex<futex_scope::process_private, barrier::asymmetric>>)
    ->Name("publish_cost/futex/asymmetric")
    ->Apply(sizes);
BENCHMARK(publish_cost<waiter::futex<futex_scope::process_private, barrier::symmetric>>)
    ->Name("publish_cost/futex/symmetric")
    ->Apply(sizes);

}  // namespace
