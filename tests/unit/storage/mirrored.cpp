#include <ferrule/storage/mirrored.hpp>
// The header under test comes first: it must stand alone.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/denied.hpp"
#include "../../support/in_child.hpp"
#include "../../support/pattern.hpp"
#include "../../support/ring_matrix.hpp"

using namespace ferrule;
using namespace ferrule::test;

static_assert(storage_policy<storage::mirrored<int>>);

namespace {

/// The sanitizers' runtimes reserve addresses of their own as they go, some at places of their choice.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

/// What of ours the kernel has mapped for this process, or holds open.
struct footprint {
    std::size_t views = 0;
    std::size_t descriptors = 0;
    std::size_t reserved = 0;
    bool operator==(const footprint&) const = default;
};

footprint now() {
    footprint all;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        all.views += line.find("/memfd:ferrule") != std::string::npos ? 1U : 0U;
        all.reserved += !sanitized && line.find("---p 00000000 00:00 0") != std::string::npos ? 1U : 0U;
    }
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
        all.descriptors += target.find("memfd:ferrule") != std::string::npos ? 1U : 0U;
    }
    return all;
}

template <std::size_t Size>
struct sized {
    std::array<unsigned char, Size> bytes;
};

/// Moves a stream through a ring by grants and checks it; true if every one of them was a single piece.
template <class Ring>
bool carries_in_one_piece(Ring& ring) {
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    bool one_piece = true;
    std::uint64_t moved = 0;
    for (std::size_t round = 0; round != 300; ++round) {
        const std::size_t n = 1 + round * 5 % ring.capacity();
        auto room = tx.prepare(n, n);
        REQUIRE(room.size() == n);
        one_piece = one_piece && room.parts().back.empty();
        for (std::size_t i = 0; i != n; ++i) {
            room.parts()[i] = pattern_byte(moved + i);
        }
        room.commit(n);
        auto there = rx.peek(n);
        one_piece = one_piece && there.parts().back.empty();
        CHECK(is_pattern(there.parts().front, moved));
        CHECK(is_pattern(there.parts().back, moved + there.parts().front.size()));
        there.release(n);
        moved += n;
    }
    return one_piece;
}

}  // namespace

TEST_CASE("mirrored: every grant is one span, whatever the capacity and wherever it begins") {
    for (const std::size_t capacity : {1U, 2U, 64U, 4096U, 1U << 17U}) {
        for (const auto start : starts(capacity)) {
            CAPTURE(capacity);
            CAPTURE(start);
            mirrored_ring<> ring{capacity, {}, starting_at{start}};
            REQUIRE(ring.storage().is_mirrored());
            CHECK(ring.capacity() == capacity);
            CHECK(carries_in_one_piece(ring));
            auto tx = ring.claim_producer();
            CHECK(tx.prepare(capacity, capacity).parts().front.size() == capacity);
            CHECK(tx.writable_at_least() == capacity);
        }
    }
}

TEST_CASE_TEMPLATE("mirrored: elements of any size are mirrored, across the end of the slots too", T, sized<1>,
                   sized<3>, sized<24>, sized<1000>, sized<4096>, sized<12288>) {
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{4}}) {
        CAPTURE(sizeof(T));
        CAPTURE(capacity);
        mirrored_ring<T> ring{capacity, {}, starting_at{~std::uint64_t{0} - 1}};
        REQUIRE(ring.storage().is_mirrored());
        auto tx = ring.claim_producer();
        auto rx = ring.claim_consumer();
        for (unsigned round = 0; round != 5000; round += static_cast<unsigned>(capacity)) {
            auto room = tx.prepare(capacity, capacity);
            REQUIRE(room.parts().front.size() == capacity);
            for (T& element : room.parts().front) {
                element.bytes.fill(static_cast<unsigned char>(round));
            }
            room.commit(capacity);
            for (std::size_t i = 0; i != capacity; ++i) {
                const auto popped = rx.try_pop();
                REQUIRE(popped.has_value());
                CHECK(popped->bytes.front() == static_cast<unsigned char>(round));
                CHECK(popped->bytes.back() == static_cast<unsigned char>(round));
            }
        }
    }
}

TEST_CASE("mirrored: a capacity that is no power of two is refused with its neighbours") {
    CHECK_THROWS_WITH_AS(mirrored_ring<>{5000},
                         "ferrule: capacity 5000 is no power of two; the nearest are 4096 and 8192",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(mirrored_ring<int>{std::size_t{1} << 62U}, "ferrule: capacity exceeds the address space",
                         std::invalid_argument);
    CHECK_THROWS_AS(mirrored_ring<>{std::size_t{1} << 60U}, std::bad_alloc);
}

TEST_CASE("mirrored: a ring costs two mappings and no descriptor, and leaves nothing behind") {
    const footprint before = now();
    for (int i = 0; i != 50; ++i) {
        const mirrored_ring<> ring{std::size_t{1} << 16U};
        const footprint meanwhile = now();
        CHECK(meanwhile.views == before.views + 2);
        CHECK(meanwhile.descriptors == before.descriptors);
        CHECK(meanwhile.reserved == before.reserved);
    }
    CHECK(now() == before);
}

TEST_CASE("mirrored: threads that make rings at once do not get into each other's addresses") {
    std::array<bool, 2> good{};
    std::vector<std::thread> threads;
    for (bool& mine : good) {
        threads.emplace_back([&] {
            bool all = true;
            for (std::uint64_t round = 0; round != 300; ++round) {
                storage::mirrored<std::uint64_t> slots{512};
                all = all && slots.is_mirrored();
                for (std::size_t i = 0; i != 512; ++i) {
                    slots.data()[i] = pattern_word(round + i);
                }
                for (std::size_t i = 0; all && i != 512; ++i) {
                    all = slots.data()[512 + i] == pattern_word(round + i);
                }
            }
            mine = all;
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(good[0]);
    CHECK(good[1]);
}

// What the kernel refuses is refused for real, in a child, which tells how its ring came out.
namespace {

// None that a sanitizer's runtime exits with.
enum outcome { mirrored_all_the_same = 10, two_pieces, wrong, leaked, cannot_refuse };

std::string with(outcome expected) { return "exit " + std::to_string(expected); }

/// A soft limit, lowered for as long as this lives. False if it stayed what it was, as under an emulator.
class lowered {
public:
    lowered(__rlimit_resource resource, ::rlim_t to) : resource_{resource} {
        ::getrlimit(resource, &before_);
        ::rlimit lower{to, before_.rlim_max};
        ::setrlimit(resource, &lower);
        ::getrlimit(resource, &lower);
        holds_ = lower.rlim_cur == to;
    }
    lowered(const lowered&) = delete;
    lowered& operator=(const lowered&) = delete;
    ~lowered() { ::setrlimit(resource_, &before_); }
    [[nodiscard]] explicit operator bool() const { return holds_; }

private:
    __rlimit_resource resource_;
    ::rlimit before_{};
    bool holds_ = false;
};

/// How a ring comes out that is made while what `refuse` returns lives.
template <class Refuse>
std::string made_while(Refuse refuse, std::size_t capacity = 64) {
    return in_child([&] {
        const footprint before = now();
        outcome how = wrong;
        {
            std::optional<mirrored_ring<>> ring;
            {
                const auto refused = refuse();
                if (!refused) {
                    return cannot_refuse;
                }
                ring.emplace(capacity, default_waiter{}, starting_at{capacity - 3});
            }
            const bool is_mirrored = ring->storage().is_mirrored();
            if (!is_mirrored && now() != before) {
                return leaked;
            }
            if (carries_in_one_piece(*ring) == is_mirrored) {
                how = is_mirrored ? mirrored_all_the_same : two_pieces;
            }
        }
        return now() == before ? how : leaked;
    });
}

void check_two_pieces(const std::string& how) {
#if defined(__x86_64__)
    CHECK(how == with(two_pieces));
#else
    // An emulator refuses nothing on our behalf.
    CHECK((how == with(two_pieces) || how == with(cannot_refuse)));
#endif
}

::rlim_t address_space() {
    std::ifstream statm{"/proc/self/statm"};
    ::rlim_t pages = 0;
    statm >> pages;
    return pages * ferrule::detail::page_size();
}

}  // namespace

TEST_CASE("mirrored: where the kernel refuses, whatever it refuses, the ring works in two pieces and nothing is left") {
    CHECK(made_while([] { return true; }) == with(mirrored_all_the_same));
    SUBCASE("a descriptor") {
        check_two_pieces(made_while([] { return lowered{RLIMIT_NOFILE, 0}; }));
    }
    SUBCASE("a file of that length") {
        check_two_pieces(made_while([] { return lowered{RLIMIT_FSIZE, 65536}; }, 131072));
    }
    SUBCASE("the addresses") {
        constexpr std::size_t large = std::size_t{64} << 20U;
        if (!sanitized) {
            check_two_pieces(made_while([] { return lowered{RLIMIT_AS, address_space() + large + large / 2}; }, large));
        }
    }
    SUBCASE("memory without a name") {
        check_two_pieces(made_while([] { return denied(SYS_memfd_create, EPERM); }));
    }
    SUBCASE("its length") {
        check_two_pieces(made_while([] { return denied(SYS_ftruncate, ENOSPC); }));
    }
    SUBCASE("mapping it where we want it") {
        if (!sanitized) {
            check_two_pieces(made_while([] { return denied(SYS_mmap, ENOMEM, 3, MAP_FIXED); }));
        }
    }
    SUBCASE("keeping it from children") {
        check_two_pieces(made_while([] { return denied(SYS_madvise, EINVAL); }));
    }
}

#if defined(__x86_64__)  // Not under an emulator, which does not pass MADV_DONTFORK on.

TEST_CASE("mirrored: a forked child has no part in the slots, and may destroy the ring without harm") {
    std::optional<mirrored_ring<>> ring{std::in_place, 64U};
    std::byte* const at = ring->claim_producer().prepare(1, 1).parts().front.data();
    CHECK(in_child([&] {
              *at = std::byte{1};
              return 0;
          }) == "signal 11");
    CHECK(in_child([&] {
              // Something of the child's own, which happens to lie where the slots were.
              auto* const own =
                  static_cast<std::byte*>(::mmap(at, 2 * ferrule::detail::page_size(), PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
              if (own != at) {
                  return 1;
              }
              *own = std::byte{42};
              ring.reset();
              return *own == std::byte{42} ? 0 : 2;
          }) == "exit 0");
    CHECK(carries_in_one_piece(*ring));
}

#endif
