// What does it cost to wait for something that does not come? Processor time, by the kernel's count.
#include <benchmark/benchmark.h>

#include <chrono>

#include <ferrule/ferrule.hpp>

#include "support/pin.hpp"
#include "support/stopwatch.hpp"

namespace {

using namespace ferrule::bench;
using namespace std::chrono_literals;

/// `rounds` waits of `range(0)` milliseconds each, every one until its deadline.
template <class Waiter>
void idle(benchmark::State& state) {
    const std::chrono::milliseconds patience{state.range(0)};
    pin_to(two_processors().here);
    ferrule::heap_ring<std::byte, Waiter> ring{4096};
    const auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    double cpu = 0;
    std::uint64_t waits = 0;
    for ([[maybe_unused]] auto _ : state) {
        const double begun = cpu_seconds();
        if (rx.wait_readable(1, clock::now() + patience) != ferrule::status::timed_out) {
            state.SkipWithError("something came");
        }
        cpu += cpu_seconds() - begun;
        ++waits;
    }
    state.counters["cpu_us_per_wait"] = 1e6 * cpu / static_cast<double>(waits);
    state.counters["cpu_percent"] = 100 * cpu / (static_cast<double>(waits) * seconds(patience));
}

namespace waiter = ferrule::waiter;

void five_seconds(benchmark::internal::Benchmark* b) {
    b->ArgName("ms")->Arg(5000)->Iterations(1)->Repetitions(1)->UseRealTime()->Unit(benchmark::kMillisecond);
}
void often(benchmark::internal::Benchmark* b) {
    b->ArgName("ms")->Arg(5)->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(idle<waiter::futex<>>)->Name("idle/futex")->Apply(five_seconds);
BENCHMARK(idle<waiter::eventfd>)->Name("idle/eventfd")->Apply(five_seconds);
BENCHMARK(idle<ferrule::default_waiter>)->Name("idle/default")->Apply(five_seconds);
// The budget is what the name says; what is above it is the sleep that follows.
BENCHMARK(idle<waiter::futex<>>)->Name("idle/futex")->Apply(often);
BENCHMARK(idle<waiter::then<waiter::spin<10>, waiter::futex<>>>)->Name("idle/then_spin_10us_futex")->Apply(often);
BENCHMARK(idle<waiter::then<waiter::spin<100>, waiter::futex<>>>)->Name("idle/then_spin_100us_futex")->Apply(often);
BENCHMARK(idle<waiter::then<waiter::spin<1'000'000>, waiter::futex<>>>)->Name("idle/then_spin_1s_futex")->Apply(often);

}  // namespace
