// The data path never throws: pinned in both directions, so that a lost noexcept and a too broad one are both seen.
#include <ferrule/ferrule.hpp>
#include <ferrule/splice/channel.hpp>

#include <doctest/doctest.h>

#include "../support/fake_stream.hpp"

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

template <class Channel, class Joint>
constexpr bool splice_is_noexcept = requires(Channel& c, const Channel& seen, Joint& rings, std::span<std::byte> some,
                                             test::fake_stream& tcp, const splice::behaviour& how) {
    {
        Channel { tcp, how }
    }
    noexcept;
    { c.offer(rings.seat_of(splice::side::first)) }
    noexcept;
    { c.send(some, no_deadline) }
    noexcept;
    { c.receive(some, no_deadline) }
    noexcept;
    { c.finish_sending() }
    noexcept;
    { c.stop_receiving() }
    noexcept;
    { c.close() }
    noexcept;
    { seen.sends_by() }
    noexcept;
    { seen.counts() }
    noexcept;
};

template <class Result>
constexpr bool result_is_noexcept = requires(Result& r, const Result& c) {
    {
        Result {
            failed { 1 }
        }
    }
    noexcept;
    { *r }
    noexcept;
    { *c }
    noexcept;
    { c.error() }
    noexcept;
    { c.would_block() }
    noexcept;
    { c.value_or(0) }
    noexcept;
};

template <class P>
constexpr bool event_path_is_noexcept = requires(P& end, waiter::spin<>::point<detail::native>& point,
                                                 bool (&cares)()) {
    { end.poll_fd() }
    noexcept;
    { end.arm(1) }
    noexcept;
    { end.arm(1, 2) }
    noexcept;
    { end.arm_for_nudge() }
    noexcept;
    { end.disarm() }
    noexcept;
    { end.nudge() }
    noexcept;
    { end.nudge_if(cares) }
    noexcept;
    { end.look_behind_barrier() }
    noexcept;
    { end.poll(point, 1, no_deadline) }
    noexcept;
};

using bytes = heap_ring<>;
using pollable = heap_ring<std::byte, waiter::eventfd>;
using fussy = heap_ring<throws_on_copy>;

static_assert(element_path_is_noexcept<bytes> && raw_path_is_noexcept<bytes>);
static_assert(element_path_is_noexcept<fussy>);
static_assert(copies_noexcept<bytes::producer_type, std::byte>);
static_assert(!copies_noexcept<fussy::producer_type, throws_on_copy>);
static_assert(emplaces_noexcept<fussy::producer_type>);
static_assert(!emplaces_noexcept<fussy::producer_type, int>);
static_assert(!noexcept(bytes{8}));
static_assert(event_path_is_noexcept<pollable::producer_type> && event_path_is_noexcept<pollable::consumer_type>);
static_assert(splice_is_noexcept<splice::channel<test::fake_stream, pollable>, splice::joint<pollable>>);
static_assert(!noexcept(splice::joint<pollable>{8}));
static_assert(result_is_noexcept<result<std::size_t>>);

}  // namespace

TEST_CASE("noexcept: the contract is pinned at compile time") { CHECK(raw_path_is_noexcept<bytes>); }
