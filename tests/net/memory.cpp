// What streams cost: nothing on the way, and nothing when they are gone.
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <thread>

#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

namespace {

std::atomic<long> allocations{0};
std::atomic<long> alive{0};

void* allocate(std::size_t size, std::size_t alignment) {
    void* const at = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (at == nullptr) {
        throw std::bad_alloc{};
    }
    ++allocations;
    ++alive;
    return at;
}
void free_counted(void* at) noexcept {
    alive -= at != nullptr ? 1 : 0;
    std::free(at);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* at) noexcept { free_counted(at); }
void operator delete(void* at, std::size_t) noexcept { free_counted(at); }
void operator delete(void* at, std::align_val_t) noexcept { free_counted(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { free_counted(at); }

using namespace ferrule;
using namespace ferrule::test;

namespace {

struct use {
    std::ptrdiff_t descriptors;
    std::size_t mappings;
    std::size_t pages;
    long objects;
};

use use_now() {
    use now{};
    now.objects = alive;
    const std::filesystem::directory_iterator descriptors{"/proc/self/fd"};
    now.descriptors = std::distance(begin(descriptors), end(descriptors));
    std::FILE* const statm = std::fopen("/proc/self/statm", "r");
    REQUIRE(std::fscanf(statm, "%zu", &now.pages) == 1);
    std::fclose(statm);
    std::FILE* const maps = std::fopen("/proc/self/maps", "r");
    for (int c = 0; (c = std::fgetc(maps)) != EOF;) {
        now.mappings += c == '\n' ? 1 : 0;
    }
    std::fclose(maps);
    return now;
}

/// A pair that lives as pairs do, and ends with something unread, so that TCP keeps nothing of it either.
void live(connection kind, std::size_t capacity) {
    net::options how;
    how.ring_capacity = capacity;
    auto pair = on_the_ring(connect(kind), how);
    std::array<std::byte, 64> bytes{};
    REQUIRE(pair.first.send(bytes));
    REQUIRE(pair.second.send(bytes));
    REQUIRE(pair.first.recv(bytes));
}

}  // namespace

TEST_CASE("memory: no call on an adopted stream allocates") {
    const watchdog watched{"streams that must not allocate"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 1024;
        how.overflow = splice::overflow::on_full();
        auto pair = adopt(connect(kind), how);
        std::array<std::byte, 5000> there{};
        std::array<std::byte, 5000> here{};
        const long before = allocations;
        bool right = true;
        // Through all there is: the socket, opening, the ring, spilling, the ends.
        for (int round = 0; round != 200; ++round) {
            for (const std::size_t size : {std::size_t{1}, std::size_t{100}, there.size()}) {
                right = right && pair.first.send(std::span{there}.first(size));
                for (std::size_t got = 0; right && got != size;) {
                    const auto n = pair.second.recv(here);
                    right = n && *n != 0;
                    got += n.value_or(0);
                }
            }
            while (round == 50 && right && pair.first.route() != splice::route::ring) {
                right = pair.first.send({}) && pair.second.recv(here, MSG_DONTWAIT).would_block();
            }
        }
        right = right && pair.first.shutdown(SHUT_WR) && pair.second.recv(here).value_or(1) == 0;
        right =
            right && pair.second.stats().received.bytes_by_ring != 0 && pair.second.stats().received.bytes_by_tcp != 0;
        const long after = allocations;
        CHECK(right);
        CHECK(after == before);
    }
}

TEST_CASE("memory: ten thousand pairs leave nothing behind") {
    const watchdog watched{"ten thousand pairs"};
    for (const std::size_t capacity : {std::size_t{4096}, std::size_t{1} << 22U}) {
        for (const auto kind : connections()) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            for (int i = 0; i != 50; ++i) {
                live(kind, capacity);
            }
            const use before = use_now();
            const int rounds = capacity == 4096 ? 2000 : 100;
            for (int i = 0; i != rounds; ++i) {
                live(kind, capacity);
            }
            const use after = use_now();
            CHECK(after.descriptors == before.descriptors);
            CHECK(after.mappings == before.mappings);
            CHECK(after.objects == before.objects);
            CHECK(after.pages <= before.pages + 100);  // The heap may have grown a little, for good.
        }
    }
}
