// How many 8-byte elements a second go from one thread to another, many at a time?
#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/mutex_deque.hpp"
#include "adapters/pipe.hpp"
#include "support/question.hpp"
#include "support/transfer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::size_t capacity = 65536;
constexpr std::uint64_t batch = 16 * capacity * sizeof(std::uint64_t);

const ask asked{"element_bulk", "8-byte elements from thread to thread, many in one call", million_per_second,
                "boost/fixed"};

template <class Queue>
void add(std::size_t count, const char* contender) {
    asked("count:" + std::to_string(count), contender, [=](benchmark::State& state) {
        transfer<Queue>(state, capacity, batch, chunks<std::uint64_t>{count});
    })->UseManualTime();
}

const bool added = [] {
    for (const std::size_t count : {8U, 64U, 1024U}) {
        add<boost_fixed_queue<std::uint64_t, capacity>>(count, "boost/fixed");
        add<default_ring<std::uint64_t>>(count, "ferrule/default");
        add<polled_ring<std::uint64_t>>(count, "ferrule/polled");
        add<default_ring<std::uint64_t, ferrule::cursor::batched<512>>>(count, "ferrule/default/batched");
        add<boost_run_time_queue<std::uint64_t>>(count, "boost/run_time");
        add<mutex_deque<std::uint64_t>>(count, "mutex_deque");
        add<pipe_queue<std::uint64_t>>(count, "pipe");
    }
    return true;
}();

}  // namespace
