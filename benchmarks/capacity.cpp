// How large should a ring be? Streams of 64 bytes and of 4 KiB through capacities from 1 KiB to 4 MiB.
#include <string>

#include "adapters/boost_queue.hpp"
#include "adapters/ferrule_ring.hpp"
#include "adapters/pipe.hpp"
#include "support/question.hpp"
#include "support/transfer.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::size_t kib = 1024;

const ask asked{"capacity", "bytes from thread to thread, by size of the ring", gigabits_per_second, "boost/run_time"};

template <class Queue>
void add(std::size_t chunk, std::size_t capacity, const char* contender) {
    const std::uint64_t batch = chunk == 64 ? 1U << 20U : 16U << 20U;
    asked("chunk:" + std::to_string(chunk) + "/kib:" + std::to_string(capacity / kib), contender,
          [=](benchmark::State& state) { transfer<Queue>(state, capacity, batch, chunks<std::byte>{chunk}); })
        ->UseManualTime();
}

const bool added = [] {
    for (const std::size_t chunk : {std::size_t{64}, 4 * kib}) {
        for (const std::size_t capacity : {kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, 1024 * kib, 4096 * kib}) {
            add<boost_run_time_queue<std::byte>>(chunk, capacity, "boost/run_time");
            add<default_ring<std::byte>>(chunk, capacity, "ferrule/default");
            if (capacity >= 1024 * kib) {
                add<ferrule_ring<ferrule::huge_ring<>>>(chunk, capacity, "ferrule/default/huge");
            }
        }
    }
    return true;
}();

}  // namespace
