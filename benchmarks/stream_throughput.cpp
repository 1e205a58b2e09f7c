// How many bytes a second go from one thread to another, in messages or blocks of a given size?
//
// Floors hand the same blocks over by a flag each, without a ring: `copied` as everybody copies, in and out; `in_place`
// written and verified where they lie, as with the grants of a ring.
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
const ask blocks{"block_throughput", "blocks from thread to thread, copied in and out", gigabits_per_second,
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

const bool added = [] {
    for (const std::size_t chunk : {8U, 64U, 512U}) {
        add_all(messages, chunk);
    }
    for (const std::size_t chunk : {4096U, 16384U, 65536U}) {
        add<two_blocks>(blocks, chunk, "floor/copied");
        add_all(blocks, chunk);
    }
    for (const std::size_t chunk : {4096U, 16384U, 65536U}) {
        add<two_blocks, in_place>(blocks_in_place, chunk, "floor/in_place");
        add<default_ring<std::byte>, in_place>(blocks_in_place, chunk, "ferrule/default");
        add<polled_ring<std::byte>, in_place>(blocks_in_place, chunk, "ferrule/polled");
    }
    return true;
}();

}  // namespace
