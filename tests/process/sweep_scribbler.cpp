// A second process writes what it likes, wherever it can, while this one streams: over its own page, the slots, and the
// victim's page, since it has the descriptor. The victim gets counts, closed, or corrupt, and a new ring.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <ferrule/ferrule.hpp>
#include <ferrule/presets.hpp>

#include "../support/in_child.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

namespace {

using namespace ferrule;
using namespace ferrule::test;
using std::chrono::steady_clock;

constexpr std::size_t capacity = 8192;
constexpr std::size_t page = 4096;

/// What a scribbler is after. One that writes just anything is found out at once, and sees little of the code.
enum class malice : unsigned char { anything, any_word, near_cursors, flags, holes };
constexpr std::array all_malice{malice::anything, malice::any_word, malice::near_cursors, malice::flags, malice::holes};

class scribbler {
public:
    scribbler(int fd, role mine, malice how, std::uint64_t seed) noexcept
        : fd_{fd}, mine_{mine}, how_{how}, draws_{seed << 32U} {}

    [[noreturn]] void run() noexcept {
        bytes_ = storage::shared<std::byte>::footprint(capacity);
        void* const all = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
        if (all == MAP_FAILED) {
            ::_exit(1);
        }
        memory_ = static_cast<std::byte*>(all);
        for (;;) {
            scribble();
        }
    }

private:
    [[nodiscard]] std::uint64_t draw() noexcept { return pattern_word(++draws_); }

    void put(std::size_t at, std::uint64_t value) noexcept {
        *reinterpret_cast<volatile std::uint64_t*>(memory_ + at / 8 * 8) = value;
    }
    [[nodiscard]] std::uint64_t get(std::size_t at) const noexcept {
        return *reinterpret_cast<const volatile std::uint64_t*>(memory_ + at);
    }

    void scribble() noexcept {
        const std::size_t cursor_of_producer = offsetof(storage::shared_page, as_producer);
        const std::size_t cursor_of_consumer = offsetof(storage::shared_page, as_consumer);
        // The victim made the memory: the first page is its own.
        const std::size_t mine = page + (mine_ == role::producer ? cursor_of_producer : cursor_of_consumer);
        const std::size_t victims = mine_ == role::producer ? cursor_of_consumer : cursor_of_producer;
        const std::uint64_t x = draw();
        switch (how_) {
            case malice::anything:
                return put(x % bytes_, draw());
            case malice::any_word:
                return put(page + x % sizeof(storage::shared_page), x % 4 == 0 ? draw() : x % 16);
            case malice::near_cursors: {
                // As a peer that is well would, most of the time.
                const std::uint64_t theirs = get(victims);
                const std::uint64_t step = x % 64 == 0 ? x / 64 % (4 * capacity) : x / 64 % 512;
                put(mine, x % 256 == 0 ? theirs - step : mine_ == role::producer ? theirs + step : theirs);
                put(mine + cache_line, theirs + x % 5);
                put(mine + cache_line + 8, theirs + x % 3);
                return put(2 * page + x % capacity, x);
            }
            case malice::flags:
                put(mine + cache_line, x);
                put(mine + cache_line + 8, draw());
                put(mine + cache_line + 16, draw());
                put(victims, draw());
                if (x % 512 == 0) {
                    put(mine + 8, x);
                }
                return put(mine, get(mine) + (mine_ == role::producer ? x % 3 : 0));
            case malice::holes:
                (void)::madvise(memory_ + x % 4 * page, page, MADV_REMOVE);
                return put(mine, x % 128);
        }
    }

    int fd_;
    role mine_;
    malice how_;
    std::uint64_t draws_;
    std::byte* memory_ = nullptr;
    std::size_t bytes_ = 0;
};

struct totals {
    std::uint64_t rings = 0;
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t closed = 0;
    std::uint64_t stalled = 0;
    std::uint64_t unbelievable = 0;  ///< Counts that cannot be.
};

/// Streams through `end` until it is over, or `deadline`.
template <class End>
void stream(End& end, totals& sum, steady_clock::time_point deadline) {
    constexpr bool writes = requires { end.writable_at_least(); };
    std::array<std::byte, 3 * capacity> bytes{};
    for (std::uint64_t i = 0; steady_clock::now() < deadline; ++i) {
        const std::size_t asked = pattern_word(i) % bytes.size();
        const std::size_t some = pattern_word(~i) % 64 + 1;
        const auto until = steady_clock::now() + std::chrono::microseconds{pattern_word(i) % 300};
        std::size_t moved = 0;
        std::size_t lent = 0;
        status why = status::ok;
        if constexpr (writes) {
            moved = end.try_write({bytes.data(), i % 3 == 0 ? asked : some});
            auto grant = end.prepare(1, bytes.size());
            lent = grant.size();
            for (auto part : {grant.parts().front, grant.parts().back}) {
                std::fill(part.begin(), part.end(), std::byte{1});
            }
            grant.commit(lent / 2);
            why = i % 16 == 0 ? end.wait_writable(some, until) : end.state();
        } else {
            moved = end.try_read({bytes.data(), i % 3 == 0 ? asked : some});
            auto grant = end.peek(1);
            lent = grant.size();
            std::copy(grant.parts().front.begin(), grant.parts().front.end(), bytes.data());
            std::copy(grant.parts().back.begin(), grant.parts().back.end(), bytes.data());
            grant.release(lent / 2);
            why = i % 16 == 0 ? end.wait_readable(some, until) : end.state();
        }
        sum.calls += 4;
        sum.bytes += moved + lent / 2;
        sum.unbelievable += moved > capacity || lent > capacity ? 1 : 0;
        sum.stalled += why == status::stalled ? 1 : 0;
        if (why == status::corrupt) {
            ++sum.corrupt;
            return;
        }
        if (why == status::closed) {
            ++sum.closed;
            return;
        }
    }
}

void one_ring(role victims, malice how, totals& sum) {
    auto memory = storage::shared<std::byte>::create(capacity, victims);
    if (!memory) {
        ::_exit(10);
    }
    const int fd = memory->fd();
    shared_ring<> ring{std::move(*memory)};
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        scribbler{fd, other(victims), how, sum.rings}.run();
    }
    ring.storage().watch_peer(unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))});
    const auto deadline = steady_clock::now() + std::chrono::milliseconds{25};
    if (victims == role::producer) {
        auto end = ring.claim_producer();
        stream(end, sum, deadline);
    } else {
        auto end = ring.claim_consumer();
        stream(end, sum, deadline);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ++sum.rings;
}

void scribble_for(std::chrono::seconds time, std::uint64_t least_rings) {
    const watchdog dog{"a victim of scribblers", time + std::chrono::seconds{60}};
    // The victim is a process of its own, so that a fault is seen for what it is.
    auto* const sum =
        new (::mmap(nullptr, sizeof(totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) totals{};
    const auto until = steady_clock::now() + time;
    CHECK(in_child([&] {
              // On a busy machine it takes longer to have seen enough.
              const auto seen_enough = [&] {
                  return sum->rings >= least_rings && sum->calls >= 100 * least_rings &&
                         sum->corrupt >= least_rings / 5;
              };
              for (std::size_t next = 0; steady_clock::now() < until || !seen_enough(); ++next) {
                  const malice how = all_malice.at(next / 2 % all_malice.size());
                  one_ring(next % 2 == 0 ? role::producer : role::consumer, how, *sum);
              }
              return 0;
          }) == "exit 0");
    std::printf(
        "scribblers: %llu rings, %llu calls, %llu bytes moved; %llu found corrupt, %llu closed, %llu stalls; %llu "
        "counts that cannot be\n",
        static_cast<unsigned long long>(sum->rings), static_cast<unsigned long long>(sum->calls),
        static_cast<unsigned long long>(sum->bytes), static_cast<unsigned long long>(sum->corrupt),
        static_cast<unsigned long long>(sum->closed), static_cast<unsigned long long>(sum->stalled),
        static_cast<unsigned long long>(sum->unbelievable));
    CHECK(sum->unbelievable == 0);
    CHECK(sum->bytes != 0);
    ::munmap(sum, sizeof *sum);
}

}  // namespace

TEST_SUITE("process") {
    TEST_CASE("whatever another process scribbles, an end returns counts, closed or corrupt") {
        scribble_for(std::chrono::seconds{2}, 20);
    }

    TEST_CASE("long: the same for longer" * doctest::skip()) { scribble_for(std::chrono::seconds{10}, 100); }
}
