// What does it cost not to believe the peer? The same templates with the check of its cursor and without:
// gullible.cmake writes a copy of the headers in which it is left out.
//
// By one thread, in cache, where an instruction shows: `cached` looks at the peer's cursor at every message read and at
// every 64th written, `direct` at each. And as a stream between two threads that poll.
#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <ferrule/ferrule.hpp>
#include <gullible/ferrule.hpp>

#include "support/peer.hpp"
#include "support/pin.hpp"
#include "support/question.hpp"
#include "support/traffic.hpp"
#include "support/undisturbed.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::size_t message = 64;

const ask by_one{"validation", "a message of 64 bytes in and out again, in cache, by one thread", nanoseconds,
                 "unchecked"};
const ask between_two{"validation_stream", "a message of 64 bytes in a stream from thread to thread, both polling",
                      nanoseconds_undisturbed, "unchecked"};

template <class Ring, class Cursor>
void in_and_out(benchmark::State& state) {
    pin_to(two_processors().here);
    Ring ring{4096};
    auto tx = ring.template claim_producer<Cursor>();
    auto rx = ring.template claim_consumer<Cursor>();
    std::size_t size = message;
    std::array<std::byte, 1024> out{};
    std::array<std::byte, 1024> in{};
    std::uint64_t position = 0;
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(size);
        std::memcpy(out.data(), &position, sizeof position);
        benchmark::DoNotOptimize(tx.try_write(std::span{out}.first(size)));
        benchmark::DoNotOptimize(rx.try_read(std::span{in}.first(size)));
        wrong += std::memcmp(in.data(), &position, sizeof position) == 0 ? 0U : 1U;
        ++position;
    }
    if (wrong != 0) {
        state.SkipWithError("a message came back wrong");
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Ring>
void stream(benchmark::State& state) {
    constexpr std::uint64_t batch = 256U << 10U;
    const placement where = two_processors();
    pin_to(where.here);
    Ring ring{256U << 10U};
    auto tx = ring.claim_producer();
    alignas(128) std::atomic<std::uint64_t> done{0};
    alignas(128) std::uint64_t wrong = 0;
    constexpr auto for_ever = clock::time_point::max();
    peer receiver{where.there, [&, rx = ring.claim_consumer()](auto) mutable {
                      std::array<std::byte, message> buffer{};
                      std::uint64_t position = 0;
                      for (std::uint64_t end = batch;;) {
                          const auto got = std::span{buffer}.first(rx.try_read(buffer));
                          if (got.empty() && rx.wait_readable(1, for_ever) != decltype(rx.state()){}) {
                              return;
                          }
                          wrong += payload::matches(got, position) ? 0U : 1U;
                          position += got.size();
                          if (position == end) {
                              end += batch;
                              done.store(position, std::memory_order_release);
                          }
                      }
                  }};
    std::array<std::byte, message> buffer{};
    std::uint64_t sent = 0;
    undisturbed batches;
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (const std::uint64_t end = sent + batch; sent != end; sent += message) {
            payload::write(buffer, sent);
            while (tx.try_write(buffer) == 0) {
                (void)tx.wait_writable(message, for_ever);
            }
        }
        while (done.load(std::memory_order_acquire) != sent) {
            relax();
        }
        state.SetIterationTime(batches.add(seconds(clock::now() - begun)));
    }
    tx.close();
    receiver.stop();
    if (wrong != 0) {
        state.SkipWithError("something arrived wrong or out of order");
    }
    batches.report(state, batch / message);
}

template <class Checked, class Unchecked>
void add_by_one(const char* cursor) {
    using checked = ferrule::heap_ring<std::byte, ferrule::waiter::never>;
    using unchecked = gullible::heap_ring<std::byte, gullible::waiter::never>;
    by_one(cursor, "unchecked", in_and_out<unchecked, Unchecked>);
    by_one(cursor, "checked", in_and_out<checked, Checked>);
    by_one(cursor, "unchecked again", in_and_out<unchecked, Unchecked>);
    by_one(cursor, "checked again", in_and_out<checked, Checked>);
}

const bool added = [] {
    add_by_one<ferrule::cursor::cached, gullible::cursor::cached>("cursor:cached");
    add_by_one<ferrule::cursor::direct, gullible::cursor::direct>("cursor:direct");
    using checked = ferrule::heap_ring<std::byte, ferrule::waiter::spin<>>;
    using unchecked = gullible::heap_ring<std::byte, gullible::waiter::spin<>>;
    between_two("", "unchecked", stream<unchecked>)->UseManualTime();
    between_two("", "checked", stream<checked>)->UseManualTime();
    between_two("", "unchecked again", stream<unchecked>)->UseManualTime();
    between_two("", "checked again", stream<checked>)->UseManualTime();
    return true;
}();

}  // namespace
