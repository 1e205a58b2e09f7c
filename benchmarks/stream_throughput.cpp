// How many bytes a second go from one thread to another, in messages or blocks of a given size?
//
// Floors hand the same blocks over by a flag each, without a ring: `copied` as everybody copies, in and out; `in_place`
// written and verified where they lie, as with the grants of a ring. They have as many blocks as a ring has room for,
// or, `by_twos`, the two that it takes to work side by side, which stay in the nearer caches.
#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/hand_off.hpp"
#include "adapters/mutex_deque.hpp"
#include "adapters/pipe.hpp"
#include "support/in_place.hpp"
#include "support/question.hpp"
#include "support/transfer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::size_t capacity = 256U << 10U;

const ask messages{"message_throughput", "messages from thread to thread, copied in and out", gigabits_per_second,
                   "boost/fixed"};
const ask block_copies{"block_throughput", "blocks from thread to thread, copied in and out", gigabits_per_second,
                       "floor/copied"};
const ask blocks_in_place{"block_in_place", "blocks from thread to thread, in place", gigabits_per_second,
                          "floor/in_place"};

/// Enough to fill a ring many times, and not so many small ones that a slow contender takes for ever.
constexpr std::uint64_t batch_of(std::size_t chunk) { return chunk < 512 ? 1U << 20U : 16U << 20U; }

template <class Queue, class Traffic = chunks<std::byte>>
void add(const ask& asked, std::size_t chunk, const char* contender, std::uint64_t divisor = 1) {
    asked("chunk:" + std::to_string(chunk), contender, [=](benchmark::State& state) {
        transfer<Queue>(state, capacity, batch_of(chunk) / divisor, Traffic{chunk});
    })->UseManualTime();
}

void add_all(const ask& asked, std::size_t chunk) {
    const std::uint64_t slow = chunk < 512 ? 8 : 1;
    add<default_ring<std::byte>>(asked, chunk, "ferrule/default");
    add<polled_ring<std::byte>>(asked, chunk, "ferrule/polled");
    add<default_ring<std::byte, ferrule::cursor::batched<4096>>>(asked, chunk, "ferrule/default/batched");
    add<boost_fixed_queue<std::byte, capacity>>(asked, chunk, "boost/fixed");
    add<boost_run_time_queue<std::byte>>(asked, chunk, "boost/run_time");
    add<mutex_deque<std::byte>>(asked, chunk, "mutex_deque", slow);
    add<pipe_queue<std::byte>>(asked, chunk, "pipe", slow);
}

template <std::size_t Chunk>
void add_blocks() {
    using as_many = ferrule::bench::blocks<capacity / Chunk, Chunk>;
    using two = ferrule::bench::blocks<2, Chunk>;
    add<as_many>(block_copies, Chunk, "floor/copied");
    add<two>(block_copies, Chunk, "floor/copied/by_twos");
    add_all(block_copies, Chunk);
    add<as_many, in_place>(blocks_in_place, Chunk, "floor/in_place");
    add<two, in_place>(blocks_in_place, Chunk, "floor/in_place/by_twos");
    add<default_ring<std::byte>, in_place>(blocks_in_place, Chunk, "ferrule/default");
    add<polled_ring<std::byte>, in_place>(blocks_in_place, Chunk, "ferrule/polled");
}

const bool added = [] {
    for (const std::size_t chunk : {8U, 64U, 512U}) {
        add_all(messages, chunk);
    }
    add_blocks<4096>();
    add_blocks<16384>();
    add_blocks<65536>();
    return true;
}();

}  // namespace
