// Attaching to memory whose maker, another process, never stops writing to it: all over the header that says what it
// is, and everything behind. What comes of it is a ring within the memory, or a refusal by name, and nothing that
// stays.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/held.hpp"
#include "../support/in_child.hpp"
#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

namespace {

using namespace ferrule;
using namespace ferrule::test;
using memory_of_bytes = storage::shared<std::byte>;
using header_words = std::array<std::uint64_t, sizeof(storage::shared_header) / sizeof(std::uint64_t)>;

/// A page of slots: every smaller capacity would fit as well.
constexpr std::size_t capacity = 4096;

class scribbling_maker {
public:
    scribbling_maker(int fd, std::uint64_t seed) noexcept : fd_{fd}, draws_{seed << 32U} {}

    [[noreturn]] void run(int socket) noexcept {
        bytes_ = memory_of_bytes::footprint(capacity);
        void* const all = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
        if (all == MAP_FAILED) {
            ::_exit(1);
        }
        memory_ = static_cast<std::byte*>(all);
        std::memcpy(true_.data(), memory_, sizeof true_);
        if (!say(socket)) {
            ::_exit(2);
        }
        for (;;) {
            scribble();
        }
    }

private:
    [[nodiscard]] std::uint64_t draw() noexcept { return pattern_word(++draws_); }

    void put(std::size_t at, std::uint64_t value) noexcept {
        *reinterpret_cast<volatile std::uint64_t*>(memory_ + at) = value;
    }

    [[nodiscard]] std::uint64_t lie_about(std::uint64_t truth) noexcept {
        const std::uint64_t x = draw();
        switch (x % 8) {
            case 0:
                return 0;
            case 1:
                return ~std::uint64_t{0};
            case 2:
                return truth + 1;
            case 3:
                return truth - 1;
            case 4:
                return truth / 2;
            case 5:
                return std::uint64_t{1} << (x / 8 % 64);
            case 6:
                return truth ^ std::uint64_t{1} << (x / 8 % 64);
            default:
                return draw();
        }
    }

    void scribble() noexcept {
        const std::uint64_t x = draw();
        // Mostly one word at a time, and mostly the truth again soon, so that every check is the one that refuses.
        const std::size_t word = x % true_.size();
        put(word * 8, lie_about(true_[word]));
        for (std::uint64_t i = x / 8 % 64; i != 0; --i) {
            put((bytes_ / 8 - 1 - draw() % (bytes_ / 8 - true_.size())) * 8, x % 4 == 0 ? draw() : x % 5000);
        }
        if (x % 8 != 0) {
            for (std::size_t i = 0; i != true_.size(); ++i) {
                put(i * 8, true_[i]);
            }
        }
        if (x % 512 == 0) {
            (void)::madvise(memory_ + x / 512 % (bytes_ / 4096) * 4096, 4096, MADV_REMOVE);
        }
        if (x % 4096 == 1) {
            (void)!::ftruncate(fd_, static_cast<::off_t>(x % 65536));
            (void)::fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE);
            (void)::fcntl(fd_, F_SETFL, x / 4096 % 2 == 0 ? O_NONBLOCK : 0);
        }
    }

    int fd_;
    std::uint64_t draws_;
    std::byte* memory_ = nullptr;
    std::size_t bytes_ = 0;
    header_words true_{};
};

struct outcomes {
    std::array<std::uint64_t, 16> refused{};  ///< By refusal.
    std::uint64_t rings = 0;
    std::uint64_t smaller = 0;  ///< Rings of a capacity that the maker lied about, and that fits.
    std::uint64_t beyond = 0;   ///< Rings that cannot be.
    std::uint64_t nameless = 0;
    std::uint64_t kept = 0;  ///< Attempts that left something mapped or open.
};

/// Calls that touch all of what was attached.
void use(memory_of_bytes memory, outcomes& all) {
    shared_ring<> ring{std::move(memory)};
    ++all.rings;
    all.smaller += ring.capacity() < capacity ? 1U : 0U;
    all.beyond += ring.capacity() > capacity || !std::has_single_bit(ring.capacity()) ? 1U : 0U;
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    std::array<std::byte, 2 * capacity> bytes{};
    const std::size_t moved = tx ? tx.try_write(bytes) : rx.try_read(bytes);
    all.beyond += moved > capacity ? 1U : 0U;
    (void)(tx ? tx.state() : rx.state());
}

void attach_once(int fd, role mine, outcomes& all) {
    const std::error_code one_of_ours{refusal::not_a_ring};
    auto attached = memory_of_bytes::attach(unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}, mine);
    if (attached) {
        use(std::move(*attached), all);
    } else if (attached.error().category() != one_of_ours.category()) {
        ++all.nameless;
    } else {
        ++all.refused.at(static_cast<std::size_t>(attached.error().value()));
    }
}

void attach_for(std::chrono::seconds time) {
    const watchdog dog{"attaching to memory that is scribbled on", time + std::chrono::seconds{60}};
    auto* const all =
        new (::mmap(nullptr, sizeof(outcomes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) outcomes{};
    std::uint64_t attempts = 0;
    const auto until = std::chrono::steady_clock::now() + time;
    for (std::uint64_t round = 0; std::chrono::steady_clock::now() < until; ++round) {
        const role makers = round % 2 == 0 ? role::producer : role::consumer;
        auto made = memory_of_bytes::create(capacity, makers);
        REQUIRE(made);
        other_process maker{[&](int socket) {
            scribbling_maker{made->fd(), round}.run(socket);
            return 0;
        }};
        REQUIRE(hear(maker.socket()));
        constexpr int attempts_each = 500;
        // A fault would be the end of the child.
        CHECK(in_child([&] {
                  const held before = holds();
                  for (int i = 0; i != attempts_each; ++i) {
                      attach_once(made->fd(), other(makers), *all);
                      all->kept += holds() == before ? 0U : 1U;
                  }
                  return 0;
              }) == "exit 0");
        attempts += attempts_each;
        maker.signal(SIGKILL);
        CHECK(maker.outcome() == "signal 9");
    }
    std::uint64_t refused = 0;
    int reasons = 0;
    for (const std::uint64_t n : all->refused) {
        refused += n;
        reasons += n != 0 ? 1 : 0;
    }
    std::printf(
        "process: %llu attempts to attach while the maker scribbles: %llu refused, for %d reasons, %llu rings (%llu of "
        "them smaller than was made); %llu kept something\n",
        static_cast<unsigned long long>(attempts), static_cast<unsigned long long>(refused), reasons,
        static_cast<unsigned long long>(all->rings), static_cast<unsigned long long>(all->smaller),
        static_cast<unsigned long long>(all->kept));
    CHECK(all->beyond == 0);
    CHECK(all->nameless == 0);
    CHECK(all->kept == 0);
    CHECK(refused + all->rings == attempts);
    // Both happened, and every check was the one that refused.
    CHECK(all->rings != 0);
    for (const refusal why : {refusal::not_a_ring, refusal::other_version, refusal::other_element,
                              refusal::wrong_capacity, refusal::wrong_size, refusal::wrong_end}) {
        CAPTURE(to_string(why));
        CHECK(all->refused.at(static_cast<std::size_t>(why)) != 0);
    }
    ::munmap(all, sizeof *all);
}

}  // namespace

TEST_CASE("attach: whatever the maker scribbles meanwhile, there is a ring, or a refusal and nothing that stays") {
    attach_for(std::chrono::seconds{2});
}
