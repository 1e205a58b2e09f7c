// How many elements a second go from one thread to another, one at a time?
//
// `polled`: both ends look again and again, as Boost's must. `default`: they wait through the ring's own waiter.
// `again`: the baseline once more, which shows how far apart two measurements of one thing are.
#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/mutex_deque.hpp"
#include "adapters/pipe.hpp"
#include "support/question.hpp"
#include "support/transfer.hpp"

namespace {

using namespace ferrule::bench;
namespace cursor = ferrule::cursor;
namespace guard = ferrule::guard;

constexpr std::size_t ring_bytes = 512U << 10U;
constexpr std::uint64_t batch = 4 * ring_bytes;
constexpr std::uint64_t slow_batch = batch / 32;  // For those who need a microsecond per element.

const ask asked{"element_throughput", "elements from thread to thread, one at a time", million_per_second,
                "boost/fixed"};

/// Shows what was done once per 4 KiB.
template <class T>
using by_pages = cursor::batched<4096 / sizeof(T)>;

template <class T, class Queue>
void add(const char* where, const char* contender, std::uint64_t bytes = batch) {
    asked(where, contender, [=](benchmark::State& state) {
        transfer<Queue>(state, ring_bytes / sizeof(T), bytes, one_by_one<T>{});
    })->UseManualTime();
}

template <class T>
void add_all(const char* where) {
    add<T, boost_fixed_queue<T, ring_bytes / sizeof(T)>>(where, "boost/fixed");
    add<T, boost_fixed_queue<T, ring_bytes / sizeof(T)>>(where, "boost/fixed again");
    add<T, default_ring<T>>(where, "ferrule/default");
    add<T, polled_ring<T>>(where, "ferrule/polled");
    add<T, polled_ring<T, cursor::cached, guard::none>>(where, "ferrule/polled/unguarded");
    add<T, polled_ring<T, cursor::direct>>(where, "ferrule/polled/direct");
    add<T, default_ring<T, by_pages<T>>>(where, "ferrule/default/batched");
    add<T, polled_ring<T, by_pages<T>>>(where, "ferrule/polled/batched");
    add<T, polled_ring<T, by_pages<T>, guard::none>>(where, "ferrule/polled/batched/unguarded");
    add<T, boost_run_time_queue<T>>(where, "boost/run_time");
    add<T, mutex_deque<T>>(where, "mutex_deque", slow_batch);
    add<T, pipe_queue<T>>(where, "pipe", slow_batch);
}

const bool added = (add_all<std::uint64_t>("size:8"), add_all<line>("size:64"), true);

}  // namespace
