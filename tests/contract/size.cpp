// What things weigh. A change here is a decision, not an accident.
#include <ferrule/ferrule.hpp>
#include <ferrule/splice/channel.hpp>

#include <cstddef>
#include <mutex>

#include <doctest/doctest.h>

using namespace ferrule;

namespace {

using bytes = heap_ring<>;
using unguarded = producer<bytes, cursor::cached, guard::none>;
using locked = producer<bytes, cursor::cached, guard::locked>;
using batched = producer<bytes, cursor::batched<64>, guard::checked>;

static_assert(sizeof(bytes::producer_type) == 128 && alignof(bytes::producer_type) == 128);
static_assert(sizeof(bytes::consumer_type) == 128 && alignof(bytes::consumer_type) == 128);
static_assert(sizeof(unguarded) == 128 && alignof(unguarded) == 128);
// A mutex is 40 bytes on x86-64, and just fits; on aarch64 it is 48.
static_assert(sizeof(locked) == (sizeof(std::mutex) <= 40 ? 128 : 256) && alignof(locked) == 128);
static_assert(sizeof(batched) == 128 && alignof(batched) == 128);

static_assert(sizeof(control<detail::native>) == 512);
// Two announcements, then the process's own part: storage, claims. Policies without state take no room.
static_assert(sizeof(bytes) == 512 + 128);
static_assert(sizeof(heap_ring<std::byte, waiter::never>) == 512 + 128);
static_assert(sizeof(mirrored_ring<>::producer_type) == 128 && sizeof(mirrored_ring<>::consumer_type) == 128);
static_assert(sizeof(borrowed_ring<>) == sizeof(bytes));
static_assert(sizeof(huge_ring<>::producer_type) == 128 && sizeof(huge_ring<>::consumer_type) == 128);
static_assert(sizeof(inline_ring<std::byte, 128>) == 512 + 128 + 128);

// What each side of a splice says: as sender, as receiver, as endpoint.
static_assert(sizeof(splice::side_words<detail::native>) == 3 * 128);
static_assert(sizeof(splice::joint<heap_ring<std::byte, waiter::eventfd>>) == 2 * (512 + 128) + 2 * 3 * 128);
static_assert(sizeof(result<std::size_t>) == 16 && sizeof(result<void>) == 4);
// What two processes must agree on. A change here is a new version of the layout.
static_assert(sizeof(storage::shared_header) == 48 && sizeof(storage::shared_page) == 5 * 128);
static_assert(offsetof(storage::shared_header, magic) == 0 && offsetof(storage::shared_header, layout) == 8);
static_assert(offsetof(storage::shared_header, capacity) == 16 && offsetof(storage::shared_header, element_size) == 24);
static_assert(offsetof(storage::shared_header, page_size) == 32 && offsetof(storage::shared_header, maker) == 40);
static_assert(offsetof(storage::shared_page, as_producer) == 128 && offsetof(storage::shared_page, as_consumer) == 384);
static_assert(offsetof(announcement<detail::native>, need_at) == 128 + 8 &&
              offsetof(announcement<detail::native>, wakes) == 128 + 16);
static_assert(sizeof(shared_ring<>::producer_type) == 128 && sizeof(shared_ring<>::consumer_type) == 128);

}  // namespace

TEST_CASE("size: two ends side by side share no pair of cache lines") {
    bytes ring{8};
    const auto tx = ring.claim_producer();
    const auto rx = ring.claim_consumer();
    const auto first = reinterpret_cast<std::uintptr_t>(&tx);
    const auto second = reinterpret_cast<std::uintptr_t>(&rx);
    CHECK(first / 128 != second / 128);
    CHECK(first % 128 == 0);
    CHECK(second % 128 == 0);
}
