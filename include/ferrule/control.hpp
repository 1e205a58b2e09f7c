// The words that both ends of a ring see, and every ordering between them.
//
// THE EDGE TABLE. A comment at each access names its label; a release is "…r", the acquire it pairs with "…a".
//
//   edge        release side                        acquire side                       what it makes visible
//   ----------  ----------------------------------  ---------------------------------  --------------------------------
//   DT  data    DTr  producer publishes its cursor  DTa  consumer looks at it          the elements up to that cursor
//   SP  space   SPr  consumer publishes its cursor  SPa  producer looks at it          that their slots are done with
//   CL  close   CLr  after the last publish         CLa, then one more DTa look        that nothing was sent after it
//   CM  claim   CMr  an end dies                    CMa  the next claimant, the ring's what the end knew: its cursor,
//                                                        destructor                    its verdict, its last look
//   AN  asleep  ANr  an end says what it waits for  ANa  the peer about to sleep,   what it published before: without
//                                                        then its barrier                   that, it seems to stall
//   WK  wake    WKp  store the cursor, or closed;   WKs  store wake_at; heavy barrier;  not both may miss the other's
//                    light barrier; load wake_at         load the cursor, and closed    store (store buffering)
//
// DT and SP are one pair of lines in end.hpp, executed by either role; so are the two sides of WK, which need no more
// than relaxed accesses around the barrier.
//
// Waking. Every word has one writer. An end that is about to sleep says in wake_at which position of the peer's cursor
// it waits for; the peer makes a system call only when a publication passes it. Nothing is ever cleared by the other
// side: a position that was passed wakes nobody. The sleeper sleeps on the peer's `wakes`, whose value it read before
// it said so, so that a wake in between ends the sleep before it begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ferrule/config.hpp>
#include <ferrule/detail/native.hpp>

namespace ferrule::inline v0 {

/// What one end of a ring tells the other, on cache lines nobody else writes: one for what changes all the time, one
/// for what changes when somebody sleeps.
template <class Platform>
struct alignas(cache_line) announcement {
    explicit announcement(std::uint64_t start) noexcept : cursor{start}, wake_at{start}, need_at{start} {}

    /// How far this end has come. Stored by this end; loaded by the other.
    typename Platform::template atomic<std::uint64_t> cursor;
    /// Not 0 once this end was closed. Stored by this end; loaded by the other.
    typename Platform::template atomic<std::uint32_t> closed{0};

    /// The peer's cursor that this end, asleep, would like to be woken at. Stored by this end; loaded by the other.
    alignas(cache_line) typename Platform::template atomic<std::uint64_t> wake_at;
    /// The peer's cursor at which it could go on; at or before wake_at. Stored by this end; loaded by the other.
    typename Platform::template atomic<std::uint64_t> need_at;
    /// How often this end has woken the other, which sleeps on it. Stored by this end; loaded by the other.
    typename Platform::template atomic<std::uint32_t> wakes{0};
};

/// The control block of one ring: two announcements, and no word with two writers.
template <class Platform>
struct control {
    explicit control(std::uint64_t start) noexcept : producer{start}, consumer{start} {}

    announcement<Platform> producer;
    announcement<Platform> consumer;
};

static_assert(std::is_standard_layout_v<control<detail::native>>);
static_assert(offsetof(announcement<detail::native>, cursor) == 0 &&
              offsetof(announcement<detail::native>, closed) == 8);
static_assert(offsetof(announcement<detail::native>, wake_at) == cache_line);
static_assert(offsetof(control<detail::native>, producer) == 0 &&
              offsetof(control<detail::native>, consumer) == 2 * cache_line);
static_assert(sizeof(control<detail::native>) == 4 * cache_line);

}  // namespace ferrule::inline v0
