// What does it cost to wait for something that does not come? Processor time, by the kernel's count.
#include <chrono>
#include <string>

#include <ferrule/ferrule.hpp>

#include "support/pin.hpp"
#include "support/question.hpp"
#include "support/stopwatch.hpp"

namespace {

using namespace ferrule::bench;
using namespace std::chrono_literals;

/// Waits, every one until its deadline.
template <class Waiter>
void idle(benchmark::State& state, std::chrono::milliseconds patience) {
    pin_to(two_processors().here);
    ferrule::heap_ring<std::byte, Waiter> ring{4096};
    const auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    const double begun = cpu_seconds();
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        if (rx.wait_readable(1, clock::now() + patience) != ferrule::status::timed_out) {
            state.SkipWithError("something came");
        }
    }
    state.counters["cpu_here"] = share.so_far();
    state.counters["cpu_us_per_wait"] = 1e6 * (cpu_seconds() - begun) / static_cast<double>(state.iterations());
}

namespace waiter = ferrule::waiter;

const ask asked{"idle",
                "processor time of a wait for nothing",
                {"us/wait", [](const benchmark::UserCounters& c) { return c.at("cpu_us_per_wait").value; }, true},
                ""};

template <class Waiter>
void add(std::chrono::milliseconds patience, const char* name) {
    auto* const added = asked("ms:" + std::to_string(patience.count()), name,
                              [=](benchmark::State& state) { idle<Waiter>(state, patience); });
    added->UseRealTime()->Unit(benchmark::kMillisecond);
    if (patience > 100ms) {
        added->Iterations(1);
    }
}

const bool added = [] {
    add<waiter::futex<>>(500ms, "futex");
    add<waiter::eventfd>(500ms, "eventfd");
    add<ferrule::default_waiter>(500ms, "default");
    // The budget is what the name says; what is above it is the sleep that follows.
    add<waiter::futex<>>(5ms, "futex");
    add<waiter::then<waiter::spin<10>, waiter::futex<>>>(5ms, "then_spin_10us_futex");
    add<waiter::then<waiter::spin<100>, waiter::futex<>>>(5ms, "then_spin_100us_futex");
    add<waiter::then<waiter::spin<1'000'000>, waiter::futex<>>>(5ms, "then_spin_1s_futex");
    return true;
}();

}  // namespace
