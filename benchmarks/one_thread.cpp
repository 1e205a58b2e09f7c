// What does a message in and out of a ring cost one thread, while everything is in its cache and nobody sleeps?
//
// The floor: two copies of a size the compiler does not know, through memory it must not forget.
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/mutex_deque.hpp"
#include "support/pin.hpp"
#include "support/question.hpp"

namespace {

using namespace ferrule::bench;
using ferrule::futex_scope;
namespace barrier = ferrule::barrier;
namespace waiter = ferrule::waiter;

constexpr std::size_t capacity = 4096;

const ask asked{"one_thread", "a message in and out again, in cache, by one thread", nanoseconds, "floor/two_copies"};

class two_copies {
public:
    explicit two_copies(std::size_t /*capacity*/) {}
    [[nodiscard]] std::size_t try_write(std::span<const std::byte> from) noexcept {
        std::memcpy(between_.data(), from.data(), from.size());
        benchmark::ClobberMemory();
        return from.size();
    }
    [[nodiscard]] std::size_t try_read(std::span<std::byte> to) noexcept {
        std::memcpy(to.data(), between_.data(), to.size());
        return to.size();
    }

private:
    std::array<std::byte, 1024> between_{};
};

template <class Queue>
void in_and_out(benchmark::State& state, std::size_t size) {
    pin_to(two_processors().here);
    Queue queue{capacity};
    std::array<std::byte, 1024> out{};
    std::array<std::byte, 1024> in{};
    std::uint64_t position = 0;
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(size);
        std::memcpy(out.data(), &position, sizeof position);
        benchmark::DoNotOptimize(queue.try_write(std::span{out}.first(size)));
        benchmark::DoNotOptimize(queue.try_read(std::span{in}.first(size)));
        wrong += std::memcmp(in.data(), &position, sizeof position) == 0 ? 0U : 1U;
        ++position;
    }
    if (wrong != 0) {
        state.SkipWithError("a message came back wrong");
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Queue>
void add(std::size_t size, const char* contender) {
    asked("size:" + std::to_string(size), contender, [=](benchmark::State& state) { in_and_out<Queue>(state, size); });
}

template <class Waiter, class Cursor = ferrule::cursor::cached, class Guard = ferrule::guard::checked>
using ring = ferrule_ring<ferrule::heap_ring<std::byte, Waiter>, Cursor, Guard>;

const bool added = [] {
    for (const std::size_t size : {8U, 64U, 1024U}) {
        add<two_copies>(size, "floor/two_copies");
        add<ring<waiter::never>>(size, "ferrule/never");
        add<ring<waiter::never, ferrule::cursor::cached, ferrule::guard::none>>(size, "ferrule/never/unguarded");
        add<ring<ferrule::default_waiter>>(size, "ferrule/default");
        add<ring<waiter::futex<futex_scope::process_private, barrier::symmetric>>>(size, "ferrule/futex/symmetric");
        add<boost_fixed_queue<std::byte, capacity>>(size, "boost/fixed");
        add<boost_run_time_queue<std::byte>>(size, "boost/run_time");
        add<mutex_deque<std::byte>>(size, "mutex_deque");
    }
    return true;
}();

}  // namespace
