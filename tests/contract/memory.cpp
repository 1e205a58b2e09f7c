// What a ring allocates: once, its slots, and nothing on the way; and what a splice does: nothing at all.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/spliced_pair.hpp"

namespace {

struct heap_use {
    std::size_t calls = 0;
    std::size_t bytes = 0;
};
heap_use used;

void* allocate(std::size_t size, std::size_t alignment) {
    void* const at = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (at == nullptr) {
        throw std::bad_alloc{};
    }
    ++used.calls;
    used.bytes += malloc_usable_size(at) + sizeof(std::size_t);
    return at;
}

/// How much address space the process has, in bytes.
std::size_t mapped() {
    std::FILE* const statm = std::fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    REQUIRE(std::fscanf(statm, "%lu", &pages) == 1);
    std::fclose(statm);
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }

using namespace ferrule;

TEST_CASE("memory: a heap ring costs its capacity and at most 1 KiB") {
    for (std::size_t capacity = 1; capacity <= std::size_t{1} << 24U; capacity *= 2) {
        CAPTURE(capacity);
        const heap_use before = used;
        const std::size_t mapped_before = mapped();
        const heap_ring<> ring{capacity};
        const bool on_heap = used.calls != before.calls;
        const std::size_t cost = on_heap ? used.bytes - before.bytes : mapped() - mapped_before;
        CHECK(used.calls - before.calls <= 1);
        CHECK(cost >= capacity);
        CHECK(cost + sizeof ring <= capacity + 1024);
    }
}

TEST_CASE("memory: a ring that is gone has given everything back") {
    const std::size_t mapped_before = mapped();
    for (int i = 0; i != 100; ++i) {
        const heap_ring<> large{std::size_t{1} << 24U};
    }
    CHECK(mapped() == mapped_before);
}

TEST_CASE("memory: a mirrored ring maps its capacity twice, in whole pages, and gives everything back") {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t mapped_before = mapped();
    for (std::size_t capacity = 1; capacity <= std::size_t{1} << 24U; capacity *= 2) {
        CAPTURE(capacity);
        const heap_use before = used;
        const mirrored_ring<> ring{capacity};
        CHECK(ring.storage().is_mirrored());
        CHECK(mapped() - mapped_before == 2 * std::max(capacity, page));
        CHECK(used.calls == before.calls);
    }
    CHECK(mapped() == mapped_before);
}

TEST_CASE("memory: a ring in borrowed memory allocates nothing") {
    std::byte memory[64];
    const heap_use before = used;
    const borrowed_ring<> ring{memory};
    CHECK(used.calls == before.calls);
}

TEST_CASE("memory: a ring larger than the address space has room for is refused") {
    CHECK_THROWS_AS(heap_ring<>{std::size_t{1} << 60U}, std::bad_alloc);
}

TEST_CASE("memory: using a ring allocates nothing") {
    heap_ring<> ring{64};
    const heap_use before = used;
    {
        auto tx = ring.claim_producer();
        auto rx = ring.claim_consumer();
        std::byte some[48]{};
        for (int i = 0; i != 100; ++i) {
            (void)tx.try_write(some);
            tx.prepare(1, 8).commit(1);
            (void)rx.wait_readable(1, no_deadline);
            (void)rx.try_read(some);
            rx.peek().release(1);
        }
        tx.close();
    }
    CHECK(used.calls == before.calls);
}

TEST_CASE("memory: a splice that opens, uses its ring, spills, comes back and ends allocates nothing") {
    using namespace std::chrono_literals;
    using pair = test::spliced_pair<detail::native>;
    const heap_use none = used;
    pair ends{16, {.overflow = splice::overflow::on_full(), .busy_poll = 1us}};
    CHECK(used.calls != none.calls);
    test::talker from_a{&ends.a};
    test::talker from_b{&ends.b};
    test::listener at_a{&ends.a};
    test::listener at_b{&ends.b};
    const auto soon = [] { return std::chrono::steady_clock::now() + 1ms; };

    const heap_use before = used;
    bool as_meant = from_a.send(5) == 5 && at_b.drain() == 5 && at_b.receive(1, soon()) == 0;
    ends.offer();
    as_meant = as_meant && open_ring(from_a, at_b) && open_ring(from_b, at_a);
    for (int i = 0; i != 100; ++i) {
        as_meant = as_meant && from_a.send(40, soon()) == 40 && from_b.send(10) == 10;
        as_meant = as_meant && at_b.drain(7) == 40 && at_a.drain(7) == 10;
        as_meant = as_meant && at_b.receive(1, std::chrono::steady_clock::now() + 10us) == 0;
    }
    as_meant = as_meant && ends.a.finish_sending() && at_b.receive() == 0 && at_b.ended;
    as_meant = as_meant && from_b.send(10) == 10 && at_a.drain() == 10;
    const auto counts = ends.a.counts();
    ends.a.close();
    as_meant = as_meant && from_b.send(10) == 10 && from_b.send(10) == 0 && from_b.error == EPIPE;
    ends.b.close();
    CHECK(used.calls == before.calls);

    CHECK(as_meant);
    CHECK(counts.sent.spills == 100);
    CHECK(counts.sent.returns == 99);
    CHECK(ends.b.counts().received.sleeps >= 100);
}
