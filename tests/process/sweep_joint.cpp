// A peer that has the other half of a joint writes what it likes into everything it can write, which is all of the
// memory, while this process sends and receives: over what it says about both rings and about the connection, over the
// slots, and over what the victim says. The victim gets counts, the end, or one of a few errors; a call that must not
// wait returns, and one that waits returns when the peer is gone.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/stream.hpp>

#include "../support/connected.hpp"
#include "../support/in_child.hpp"
#include "../support/pattern.hpp"
#include "../support/soak_plan.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t capacity = 8192;
constexpr std::size_t page = 4096;

/// How each side's page is laid out, behind what a ring has as well.
struct side_page {
    storage::shared_page rings;
    splice::side_words<ferrule::detail::native> words;
};

/// What a scribbler is after.
enum class malice : unsigned char {
    anything,    ///< Any value anywhere.
    any_word,    ///< Any value in any word that is a side's to write.
    near_truth,  ///< As a peer that is well would, most of the time.
    flags,       ///< Ends, resets and farewells, said and taken back.
    flushes,     ///< Epochs and answers without end.
    holes,       ///< Gives the memory away.
    frozen,      ///< Says something that makes no sense, once, and then nothing.
};
constexpr std::array all_malice{malice::anything, malice::any_word, malice::near_truth, malice::flags,
                                malice::flushes,  malice::holes,    malice::frozen};

struct prey {
    int memory;
    int tcp;   ///< The other end of the victim's connection.
    int bell;  ///< The victim's, or -1.
    std::size_t page_of_victim;
};

class scribbler {
public:
    scribbler(const prey& of, malice how, std::uint64_t seed) noexcept : of_{of}, how_{how}, draws_{seed << 32U} {}

    [[noreturn]] void run() noexcept {
        bytes_ = net::shared_joint::footprint(capacity);
        void* const all = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, of_.memory, 0);
        if (all == MAP_FAILED) {
            ::_exit(1);
        }
        memory_ = static_cast<std::byte*>(all);
        if (how_ == malice::frozen) {
            words().receives.ready.store(1, std::memory_order_relaxed);
            for (int i = 0; i != 5; ++i) {
                any_word();
            }
            for (;;) {
                ::pause();
            }
        }
        for (std::uint64_t i = 0;; ++i) {
            scribble();
            if (i % 512 == 0 && how_ != malice::flushes) {
                use_the_connection();
            }
        }
    }

private:
    [[nodiscard]] std::uint64_t draw() noexcept { return pattern_word(++draws_); }
    [[nodiscard]] side_page& mine() const noexcept {
        return *reinterpret_cast<side_page*>(memory_ + (page - of_.page_of_victim));
    }
    [[nodiscard]] side_page& victims() const noexcept {
        return *reinterpret_cast<side_page*>(memory_ + of_.page_of_victim);
    }
    [[nodiscard]] splice::side_words<ferrule::detail::native>& words() const noexcept { return mine().words; }

    void put(std::size_t at, std::uint64_t value) noexcept {
        *reinterpret_cast<volatile std::uint64_t*>(memory_ + at / 8 * 8) = value;
    }

    /// Something that is likely to be believed, or just not.
    [[nodiscard]] std::uint64_t chosen() noexcept {
        const std::uint64_t x = draw();
        const std::array values{std::uint64_t{0},
                                std::uint64_t{1},
                                ~std::uint64_t{0},
                                std::uint64_t{1} << 31U,
                                std::uint64_t{1} << 62U,
                                std::uint64_t{1} << 63U,
                                victims().rings.as_producer.cursor.load(std::memory_order_relaxed) + x / 16 % 3 - 1,
                                victims().rings.as_consumer.cursor.load(std::memory_order_relaxed) + x / 16 % capacity,
                                victims().words.sends.settles_at.load(std::memory_order_relaxed) + x / 16 % 3 - 1,
                                std::uint64_t{victims().words.sends.epoch.load(std::memory_order_relaxed)},
                                x};
        return values.at(x % values.size());
    }
    /// Any word that is this side's to write, or another one beside it.
    void any_word() noexcept {
        auto& said = words();
        auto& writer = mine().rings.as_producer;
        auto& reader = mine().rings.as_consumer;
        const std::array<const void*, 19> all{
            &writer.cursor,         &writer.closed,       &writer.wake_at,          &writer.need_at,
            &writer.wakes,          &reader.cursor,       &reader.closed,           &reader.wake_at,
            &reader.need_at,        &reader.wakes,        &said.sends.epoch,        &said.sends.settles_at,
            &said.receives.drained, &said.receives.ready, &said.receives.tcp_taken, &said.endpoint.half_closed,
            &said.endpoint.gone,    &said.endpoint.reset, &said.endpoint.leaving};
        const auto at = static_cast<const std::byte*>(all.at(draw() % all.size())) - memory_;
        put(static_cast<std::size_t>(at), chosen());
    }

    void scribble() noexcept {
        constexpr auto relaxed = std::memory_order_relaxed;
        const std::uint64_t x = draw();
        auto& said = words();
        auto& writer = mine().rings.as_producer;
        auto& reader = mine().rings.as_consumer;
        switch (how_) {
            case malice::anything:
                return put(x % bytes_, chosen());
            case malice::any_word:
                said.receives.ready.store(1, relaxed);
                return any_word();
            case malice::near_truth: {
                be_well();
                if (x % (1U << 20U) == 0) {
                    any_word();
                }
                return put(2 * page + x % (2 * capacity), x);
            }
            case malice::flags: {
                be_well();
                const auto bit = static_cast<std::uint32_t>(x >> 32U) & 1U;
                const std::array<ferrule::detail::native::atomic<std::uint32_t>*, 8> flags{
                    &said.endpoint.gone, &said.endpoint.half_closed, &said.endpoint.leaving, &said.endpoint.reset,
                    &said.sends.left,    &said.receives.ready,       &writer.closed,         &reader.closed};
                flags.at(x % (x % 4096 == 0 ? 8 : 4))->store(bit, relaxed);
                return;
            }
            case malice::flushes:
                // And sends nothing, so that nothing but the flushes keeps a receiver.
                said.receives.ready.store(1, relaxed);
                said.receives.drained.store(victims().words.sends.epoch.load(relaxed), relaxed);
                said.sends.epoch.store(++epoch_, relaxed);
                said.sends.settles_at.store(victims().words.receives.tcp_taken.load(relaxed) + x % 2, relaxed);
                return;
            case malice::holes:
                (void)::madvise(memory_ + x % 6 * page, page, MADV_REMOVE);
                return be_well();
            case malice::frozen:
                return;
        }
    }

    void be_well() noexcept {
        constexpr auto relaxed = std::memory_order_relaxed;
        const std::uint64_t x = draw();
        auto& said = words();
        const auto& theirs = victims();
        said.receives.ready.store(1, relaxed);
        said.receives.drained.store(theirs.words.sends.epoch.load(relaxed), relaxed);
        said.receives.tcp_taken.store(theirs.words.sends.settles_at.load(relaxed) - x % 2, relaxed);
        auto& writer = mine().rings.as_producer;
        auto& reader = mine().rings.as_consumer;
        const std::uint64_t written = theirs.rings.as_producer.cursor.load(relaxed);
        const std::uint64_t read = theirs.rings.as_consumer.cursor.load(relaxed);
        const std::uint64_t behind = x % 8 == 0 ? 0 : std::min(written, x % 64);
        reader.cursor.store(std::max(reader.cursor.load(relaxed), written - behind), relaxed);
        writer.cursor.store(std::max(writer.cursor.load(relaxed), read + x / 64 % 512), relaxed);
        for (auto* const end : {&writer, &reader}) {
            const std::uint64_t here = end == &writer ? read : written;
            end->wake_at.store(here + x % 5, relaxed);
            end->need_at.store(here + x % 3, relaxed);
        }
    }

    void use_the_connection() noexcept {
        std::array<std::byte, 300> some{};
        const std::uint64_t x = draw();
        if (x % 2 == 0) {
            (void)::send(of_.tcp, some.data(), x / 2 % some.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        if (x % 3 == 0) {
            (void)::recv(of_.tcp, some.data(), some.size(), MSG_DONTWAIT);
        }
        if (x % 5 == 0 && of_.bell >= 0) {
            (void)!::write(of_.bell, some.data(), x % some.size());
        }
        if (x % 65536 == 0) {
            ::shutdown(of_.tcp, x % 131072 == 0 ? SHUT_WR : SHUT_RD);
        }
    }

    prey of_;
    malice how_;
    std::uint64_t draws_;
    std::uint32_t epoch_ = 0;
    std::byte* memory_ = nullptr;
    std::size_t bytes_ = 0;
};

/// What the victim saw. Two threads count.
struct totals {
    std::atomic<std::uint64_t> rounds{0};
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> by_ring{0};
    std::atomic<std::uint64_t> corrupt{0};
    std::atomic<std::uint64_t> ended{0};       ///< EOF, EPIPE, ECONNRESET.
    std::atomic<std::uint64_t> unexpected{0};  ///< Other errors, and counts that cannot be.
    std::atomic<int> last_unexpected{0};
    std::atomic<std::int64_t> longest{0};  ///< Nanoseconds that a call which must not wait computed.
    std::atomic<std::uint64_t> spun{0};    ///< Waits for a peer that does nothing which took a processor.
    std::atomic<std::uint64_t> guards{0};
};

[[nodiscard]] std::int64_t computed() {
    ::timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Memory between pages nobody may touch.
class fenced_buffer {
public:
    fenced_buffer() {
        void* const all = ::mmap(nullptr, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        at_ = static_cast<std::byte*>(all) + page;
        if (all == MAP_FAILED || ::mprotect(at_, size, PROT_READ | PROT_WRITE) != 0) {
            ::_exit(11);
        }
    }
    fenced_buffer(const fenced_buffer&) = delete;
    fenced_buffer& operator=(const fenced_buffer&) = delete;
    ~fenced_buffer() { ::munmap(at_ - page, size + 2 * page); }

    static constexpr std::size_t size = 8 * page;
    [[nodiscard]] std::span<std::byte> last(std::size_t n) const noexcept { return {at_ + (size - n), n}; }

private:
    std::byte* at_ = nullptr;
};

/// Nobody may touch what lies before and behind what is shared, where nothing else does.
[[nodiscard]] unsigned put_fences() {
    unsigned fences = 0;
    std::ifstream maps{"/proc/self/maps"};
    std::array<std::pair<std::uintptr_t, std::uintptr_t>, 16> shared{};
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line) && count != shared.size();) {
        if (line.find("memfd:") != std::string::npos) {
            std::size_t used = 0;
            const auto from = std::stoull(line, &used, 16);
            shared.at(count++) = {from, std::stoull(line.substr(used + 1), nullptr, 16)};
        }
    }
    for (std::size_t i = 0; i != count; ++i) {
        for (const auto at : {shared.at(i).first - page, shared.at(i).second}) {
            void* const fence = ::mmap(reinterpret_cast<void*>(at), page, PROT_NONE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            fences += fence == MAP_FAILED ? 0U : 1U;
        }
    }
    return fences;
}

/// Calls until it is told to stop, or the stream is over.
void use(net::stream& by, bool sends, int flags, malice whose, const std::atomic<bool>& stop, totals& sum) {
    const fenced_buffer memory;
    const auto begun = steady_clock::now();
    const auto computed_before = computed();
    for (std::uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        const std::size_t size = 1 + pattern_word(i) % (i % 8 == 0 ? fenced_buffer::size : 200);
        const auto from = computed();
        constexpr std::array<int, 8> habits{0, 0, 0, MSG_PEEK, MSG_WAITALL, MSG_PEEK | MSG_WAITALL, MSG_TRUNC, 0};
        const int habit = habits.at(pattern_word(~i) % habits.size());
        const auto moved =
            sends ? by.send(memory.last(size), flags | MSG_NOSIGNAL) : by.recv(memory.last(size), flags | habit);
        const auto took = computed() - from;
        sum.calls.fetch_add(1, std::memory_order_relaxed);
        if (flags == MSG_DONTWAIT && took > sum.longest.load(std::memory_order_relaxed)) {
            sum.longest.store(took, std::memory_order_relaxed);
        }
        if (moved && *moved != 0) {
            sum.bytes.fetch_add(*moved, std::memory_order_relaxed);
            sum.unexpected.fetch_add(*moved > size ? 1 : 0, std::memory_order_relaxed);
            continue;
        }
        if (!moved && moved.would_block() && flags == MSG_DONTWAIT) {
            continue;
        }
        const int why = moved ? 0 : moved.error().value();
        const bool over = (moved && !sends) || why == EPIPE || why == ECONNRESET;
        sum.ended.fetch_add(over ? 1 : 0, std::memory_order_relaxed);
        sum.corrupt.fetch_add(why == EPROTO ? 1 : 0, std::memory_order_relaxed);
        if (!over && why != EPROTO) {
            sum.unexpected.fetch_add(1, std::memory_order_relaxed);
            sum.last_unexpected.store(why, std::memory_order_relaxed);
        }
        break;
    }
    const std::chrono::nanoseconds busy{computed() - computed_before};
    if (whose == malice::frozen && flags == 0 && busy > 0.6 * (steady_clock::now() - begun) &&
        busy > milliseconds{10}) {
        sum.spun.fetch_add(1, std::memory_order_relaxed);
    }
}

void one_round(std::uint64_t round, totals& sum) {
    const malice how = all_malice.at(round % all_malice.size());
    const bool victim_made_it = round / 7 % 2 == 0;
    const int flags = round / 14 % 2 == 0 ? MSG_DONTWAIT : 0;
    constexpr std::array overflows{on_full, never_spilling, on_stall};
    constexpr std::array kinds{connection::tcp4, connection::unix_pair};
    net::options options;
    options.overflow = overflows.at(round % overflows.size());
    options.opening_patience = std::chrono::microseconds{50};
    auto ends = connect(kinds.at(round / 3 % kinds.size()));
    auto made = net::shared_joint::make(capacity);
    if (!made) {
        ::_exit(10);
    }
    const prey mine{::dup(made->there.memory.get()), ends.accepted.get(),
                    victim_made_it ? made->there.out.theirs.get() : -1, victim_made_it ? 0 : page};
    // Before anybody scribbles, or it would be refused.
    auto half = std::move(made->here);
    if (!victim_made_it) {
        if (auto attached = net::shared_joint::attach(std::move(made->there))) {
            std::swap(half, *attached);
            made->here = std::move(*attached);
        }
    }
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ends.connecting.reset();
        scribbler{mine, how, round}.run();
    }
    ::close(mine.memory);
    ends.accepted.reset();
    made->here = {};
    made->there = {};
    auto victim = net::stream::adopt(ends.connecting.release(), options);
    if (!half || !victim.join(std::move(half))) {
        ::_exit(12);
    }
    sum.guards.fetch_add(put_fences(), std::memory_order_relaxed);
    std::atomic<bool> stop{false};
    std::thread sender{[&] { use(victim, true, flags, how, stop, sum); }};
    std::thread receiver{[&] { use(victim, false, flags, how, stop, sum); }};
    // As long as a round takes: nothing waits for anything here.
    std::this_thread::sleep_for(milliseconds{30});
    stop.store(true, std::memory_order_relaxed);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    sender.join();
    receiver.join();
    const auto counts = victim.stats();
    sum.by_ring.fetch_add(counts.sent.bytes_by_ring + counts.received.bytes_by_ring, std::memory_order_relaxed);
    sum.rounds.fetch_add(1, std::memory_order_relaxed);
}

void scribble_for(std::chrono::seconds time, std::uint64_t least_rounds) {
    const watchdog dog{"a victim of a joint's other half", time + std::chrono::seconds{60}};
    // The victim is a process of its own, so that a fault is seen for what it is.
    auto* const sum =
        new (::mmap(nullptr, sizeof(totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) totals{};
    const auto until = steady_clock::now() + time;
    CHECK(in_child([&] {
              for (std::uint64_t round = 0; steady_clock::now() < until || round < least_rounds; ++round) {
                  one_round(round, *sum);
              }
              return 0;
          }) == "exit 0");
    const auto count = [](const std::atomic<std::uint64_t>& n) { return static_cast<unsigned long long>(n.load()); };
    std::printf(
        "scribblers of joints: %llu joints, %llu calls, %llu bytes, %llu of them by the ring; %llu found corrupt, %llu "
        "ended, %llu unexpected (%d), %llu spun; the longest call that must not wait computed %.3f ms; %llu fences\n",
        count(sum->rounds), count(sum->calls), count(sum->bytes), count(sum->by_ring), count(sum->corrupt),
        count(sum->ended), count(sum->unexpected), sum->last_unexpected.load(), count(sum->spun),
        static_cast<double>(sum->longest.load()) / 1e6, count(sum->guards));
    CHECK(sum->unexpected == 0);
    CHECK(sum->spun == 0);
    CHECK(sum->rounds >= least_rounds);
    CHECK(sum->corrupt != 0);
    CHECK(sum->ended != 0);
    CHECK(sum->by_ring != 0);
    CHECK(sum->guards != 0);
#if !defined(FERRULE_TSAN)
    CHECK(sum->longest < 15'000'000);  // Half a round. Usually less than one.
#endif
    ::munmap(sum, sizeof *sum);
}

}  // namespace

TEST_SUITE("process") {
    TEST_CASE("whatever the other half of a joint scribbles, a stream returns counts, the end or an error") {
        scribble_for(std::chrono::seconds{2}, 42);
    }

    TEST_CASE("long: the same for longer" * doctest::skip()) { scribble_for(std::chrono::seconds{10}, 100); }
}
