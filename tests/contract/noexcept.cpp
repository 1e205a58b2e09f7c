// The data path never throws: pinned in both directions, so that a lost noexcept and a too broad one are both seen.
#include <ferrule/ferrule.hpp>

#include <doctest/doctest.h>

using namespace ferrule;

namespace {

struct throws_on_copy {
    throws_on_copy() = default;
    throws_on_copy(const throws_on_copy&) noexcept(false) {}
    throws_on_copy(throws_on_copy&&) noexcept = default;
    explicit throws_on_copy(int) noexcept(false) {}
};

template <class Ring, class P = typename Ring::producer_type, class C = typename Ring::consumer_type>
constexpr bool element_path_is_noexcept = requires(Ring& r, P& tx, C& rx, typename Ring::value_type v) {
    { r.claim_producer() }
    noexcept;
    { r.claim_consumer() }
    noexcept;
    { r.size_guess() }
    noexcept;
    { tx.try_push(std::move(v)) }
    noexcept;
    { tx.publish() }
    noexcept;
    { tx.hold_wakes() }
    noexcept;
    { tx.release_wakes() }
    noexcept;
    { tx.close() }
    noexcept;
    { tx.state() }
    noexcept;
    { tx.writable_at_least() }
    noexcept;
    { tx.wait_writable(1, no_deadline) }
    noexcept;
    { rx.try_pop() }
    noexcept;
    { rx.peek() }
    noexcept;
    { rx.peek().release(1) }
    noexcept;
    { rx.finished() }
    noexcept;
    { rx.readable_at_least() }
    noexcept;
    { rx.wait_readable(1, no_deadline) }
    noexcept;
};

template <class Ring, class P = typename Ring::producer_type, class C = typename Ring::consumer_type>
constexpr bool raw_path_is_noexcept = requires(P& tx, C& rx, std::span<typename Ring::value_type> some) {
    { tx.try_write(some) }
    noexcept;
    { tx.prepare(1, 1) }
    noexcept;
    { tx.prepare(1, 1).commit(1) }
    noexcept;
    { rx.try_read(some) }
    noexcept;
};

template <class Producer, class... Args>
constexpr bool emplaces_noexcept = requires(Producer& tx, Args... args) {
    { tx.try_emplace(args...) }
    noexcept;
};
template <class Producer, class T>
constexpr bool copies_noexcept = requires(Producer& tx, const T& value) {
    { tx.try_push(value) }
    noexcept;
};

using bytes = heap_ring<>;
using fussy = heap_ring<throws_on_copy>;

static_assert(element_path_is_noexcept<bytes> && raw_path_is_noexcept<bytes>);
static_assert(element_path_is_noexcept<fussy>);
static_assert(copies_noexcept<bytes::producer_type, std::byte>);
static_assert(!copies_noexcept<fussy::producer_type, throws_on_copy>);
static_assert(emplaces_noexcept<fussy::producer_type>);
static_assert(!emplaces_noexcept<fussy::producer_type, int>);
static_assert(!noexcept(bytes{8}));

}  // namespace

TEST_CASE("noexcept: the contract is pinned at compile time") { CHECK(raw_path_is_noexcept<bytes>); }
