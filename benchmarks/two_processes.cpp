// What does it cost that the other end is in another process? The same loops over a heap ring between two threads and
// over a shared ring, both of whose ends are in this process, or one in another.
#include <fcntl.h>

#include <array>
#include <atomic>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ferrule/ferrule.hpp>

#include "support/pin.hpp"
#include "support/question.hpp"
#include "support/relax.hpp"
#include "support/side.hpp"
#include "support/stopwatch.hpp"
#include "support/traffic.hpp"
#include "support/undisturbed.hpp"

namespace {

using namespace ferrule::bench;
using ferrule::no_deadline;
using ferrule::role;
using ferrule::status;
namespace waiter = ferrule::waiter;

constexpr std::size_t capacity = 256U << 10U;
constexpr std::size_t trips_in_a_batch = 256;

/// A ring whose ends are the other side's and this one's: `here()` is used by this one, and `there` by the other.
template <class Waiter>
class heap_lane {
public:
    explicit heap_lane(role /*ours*/) {}

    [[nodiscard]] auto& here() noexcept { return ring_; }
    template <class Code>
    void there(Code code) {
        code(ring_);
    }

private:
    ferrule::heap_ring<std::byte, Waiter> ring_{capacity};
};

template <class Waiter>
class shared_lane {
    using ring = ferrule::shared_ring<std::byte, Waiter>;
    using memory = ferrule::storage::shared<std::byte>;

public:
    explicit shared_lane(role ours) : ours_{ours}, ring_{create(ours)} {}

    [[nodiscard]] auto& here() noexcept { return ring_; }
    template <class Code>
    void there(Code code) {
        auto attached = memory::attach(ferrule::unique_fd{::fcntl(ring_.storage().fd(), F_DUPFD_CLOEXEC, 0)},
                                       ferrule::other(ours_));
        if (!attached) {
            give_up("attach");
        }
        ring theirs{std::move(*attached)};
        code(theirs);
    }

private:
    [[nodiscard]] static memory create(role ours) {
        auto made = memory::create(capacity, ours);
        if (!made) {
            give_up("create");
        }
        return std::move(*made);
    }

    role ours_;
    ring ring_;
};

/// What the sides have to say to each other beside the stream.
struct remarks {
    alignas(128) std::atomic<std::uint64_t> received{0};
    alignas(128) std::uint64_t wrong = 0;
    double share = 0;
};

/// Sends `batch` bytes over and over. Times are from the first byte sent until the last is received and verified.
template <class Lane, class Side>
void stream(benchmark::State& state, std::size_t chunk, std::uint64_t batch) {
    const placement where = two_processors();
    pin_to(where.here);
    Lane lane{role::producer};
    in_common<remarks> common;
    Side receiver{where.there, [&] {
                      lane.there([&](auto& ring) {
                          auto rx = ring.claim_consumer();
                          std::vector<std::byte> buffer(chunk);
                          const processor_share share;
                          std::uint64_t position = 0;
                          for (std::uint64_t end = batch; rx.wait_readable(1, no_deadline) == status::ok;) {
                              const auto got = std::span{buffer}.first(rx.try_read(buffer));
                              common->wrong += payload::matches(got, position) ? 0U : 1U;
                              position += got.size();
                              if (position == end) {
                                  end += batch;
                                  common->received.store(position, std::memory_order_release);
                              }
                          }
                          common->share = share.so_far();
                      });
                  }};
    auto tx = lane.here().claim_producer();
    std::vector<std::byte> buffer(chunk);
    std::uint64_t sent = 0;
    const auto send_batch = [&] {
        for (const std::uint64_t end = sent + batch; sent != end; sent += chunk) {
            payload::write(buffer, sent);
            for (std::span<const std::byte> rest{buffer}; !rest.empty();) {
                rest = rest.subspan(tx.try_write(rest));
                if (!rest.empty() && tx.wait_writable(1, no_deadline) != status::ok) {
                    give_up("the receiver ended early");
                }
            }
        }
        while (common->received.load(std::memory_order_acquire) != sent) {
            relax();
        }
    };
    send_batch();  // Touches every page once.
    undisturbed batches;
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        send_batch();
        state.SetIterationTime(batches.add(seconds(clock::now() - begun)));
    }
    state.counters["cpu_here"] = share.so_far();
    tx.close();
    receiver.join();
    state.counters["cpu_there"] = common->share;
    if (common->wrong != 0) {
        state.SkipWithError("something arrived wrong or out of order");
    }
    batches.report(state, batch / chunk);
}

template <class Lane, class Side>
void round_trip(benchmark::State& state, std::size_t size) {
    const placement where = two_processors();
    pin_to(where.here);
    Lane to{role::producer};
    Lane from{role::consumer};
    in_common<remarks> common;
    Side echo{where.there, [&] {
                  to.there([&](auto& in) {
                      from.there([&](auto& out) {
                          auto rx = in.claim_consumer();
                          auto tx = out.claim_producer();
                          std::array<std::byte, 64> message{};
                          const auto mine = std::span{message}.first(size);
                          const processor_share share;
                          while (rx.wait_readable(size, no_deadline) == status::ok) {
                              common->wrong += rx.try_read(mine) == size ? 0U : 1U;
                              mine[0] = ~mine[0];
                              (void)tx.try_write(mine);
                          }
                          common->share = share.so_far();
                      });
                  });
              }};
    auto tx = to.here().claim_producer();
    auto rx = from.here().claim_consumer();
    std::array<std::byte, 64> message{};
    const auto mine = std::span{message}.first(size);
    std::uint64_t sent = 0;
    std::uint64_t wrong = 0;
    const auto once = [&] {
        const auto question = static_cast<std::byte>(++sent);
        mine[0] = question;
        (void)tx.try_write(mine);
        wrong += rx.wait_readable(size, no_deadline) == status::ok && rx.try_read(mine) == size && mine[0] == ~question
                     ? 0U
                     : 1U;
    };
    // Over every page of the rings once.
    for (std::size_t i = 0; i != capacity / size; ++i) {
        once();
    }
    undisturbed batches;
    const processor_share share;
    for ([[maybe_unused]] auto _ : state) {
        const auto begun = clock::now();
        for (std::size_t i = 0; i != trips_in_a_batch; ++i) {
            once();
        }
        state.SetIterationTime(batches.add(seconds(clock::now() - begun)));
    }
    state.counters["cpu_here"] = share.so_far();
    tx.close();
    echo.join();
    state.counters["cpu_there"] = common->share;
    if (wrong + common->wrong != 0) {
        state.SkipWithError("an answer did not fit its question");
    }
    batches.report(state, trips_in_a_batch);
}

const ask trips{"process_round_trip", "a message to the other side and back, both polling", nanoseconds_undisturbed,
                "heap/two_threads"};
const ask polled{"process_stream", "a message to the other side in a stream, both polling", nanoseconds_undisturbed,
                 "heap/two_threads"};
const ask waited{"process_stream_default", "a message to the other side in a stream, each ring with its own waiter",
                 nanoseconds_undisturbed, "heap/two_threads"};

/// Over well within a time slice.
constexpr std::uint64_t batch_of(std::size_t chunk) { return chunk < 512 ? capacity : 4 * capacity; }

template <class Lane, class Side>
void add_stream(const ask& asked, std::size_t chunk, const char* contender) {
    asked("chunk:" + std::to_string(chunk), contender, [=](benchmark::State& state) {
        stream<Lane, Side>(state, chunk, batch_of(chunk));
    })->UseManualTime();
}
template <class Lane, class Side>
void add_round_trip(const char* contender) {
    trips("size:64", contender, [](benchmark::State& state) { round_trip<Lane, Side>(state, 64); })->UseManualTime();
}

template <class Heap, class Shared>
void add_streams(const ask& asked, std::size_t chunk) {
    add_stream<Heap, in_thread>(asked, chunk, "heap/two_threads");
    add_stream<Heap, in_thread>(asked, chunk, "heap/two_threads again");
    add_stream<Shared, in_thread>(asked, chunk, "shared/two_threads");
    add_stream<Shared, in_process>(asked, chunk, "shared/two_processes");
}

using polled_heap = heap_lane<waiter::spin<>>;
using polled_shared = shared_lane<waiter::spin<>>;

const bool added = [] {
    add_round_trip<polled_heap, in_thread>("heap/two_threads");
    add_round_trip<polled_heap, in_thread>("heap/two_threads again");
    add_round_trip<polled_shared, in_thread>("shared/two_threads");
    add_round_trip<polled_shared, in_process>("shared/two_processes");
    for (const std::size_t chunk : {64U, 4096U}) {
        add_streams<polled_heap, polled_shared>(polled, chunk);
    }
    for (const std::size_t chunk : {64U, 4096U}) {
        add_streams<heap_lane<ferrule::default_waiter>, shared_lane<ferrule::shared_waiter>>(waited, chunk);
        add_stream<heap_lane<ferrule::shared_waiter>, in_thread>(waited, chunk, "heap/two_threads/shared_waiter");
    }
    return true;
}();

}  // namespace
