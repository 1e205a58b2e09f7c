// What the two ends of a ring have in common, which is everything but the direction of the copy.
//
// An end owns one cursor, `own_`, and remembers a `limit_`: how far the peer has said it may go. For the consumer the
// limit is the peer's cursor; for the producer it is the peer's cursor plus the capacity. What an end may move is
// `limit_ - own_` either way, so looking, publishing, checking a peer and waiting are written once.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/config.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/call.hpp>
#include <ferrule/detail/claim.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/detail/sleepers.hpp>
#include <ferrule/role.hpp>
#include <ferrule/span_pair.hpp>
#include <ferrule/status.hpp>

namespace ferrule::inline v0::detail {

struct no_barrier {};

template <class Waiter, class Platform>
struct barrier_state {
    using type = no_barrier;
};
template <class Waiter, class Platform>
    requires(Waiter::can_wait)
struct barrier_state<Waiter, Platform> {
    using type = typename Waiter::barrier::template state<Platform>;
};
/// The waiter's half of the wake protocol; nothing where nobody waits.
template <class Waiter, class Platform>
using barrier_of = typename barrier_state<Waiter, Platform>::type;

/// The role of a producer: it may go a capacity ahead of its peer, and stops when nobody reads.
struct producing {
    static constexpr role which = role::producer;
    static constexpr const char* refused = "a producer that was refused, moved from or destroyed cannot be called";
    static constexpr bool outlives_peer = false;
    static constexpr std::uint64_t lead(std::uint64_t capacity) noexcept { return capacity; }
    template <class Ring>
    static auto& mine(Ring& ring) noexcept {
        return ring.announcement_of(which);
    }
    template <class Ring>
    static auto& theirs(Ring& ring) noexcept {
        return ring.announcement_of(other(which));
    }
    template <class Ring>
    static auto& claim(Ring& ring) noexcept {
        return ring.producer_claim_;
    }
    template <class Ring>
    static auto& my_point(Ring& ring) noexcept {
        return ring.space_point_;
    }
    template <class Ring>
    static auto& peer_point(Ring& ring) noexcept {
        return ring.data_point_;
    }
    /// Woken once per half ring rather than for every element that is read.
    static constexpr std::uint64_t convenient(std::uint64_t want, std::uint64_t capacity) noexcept {
        return std::max(want, capacity / 2);
    }
};

/// The role of a consumer: it may go as far as its peer, and goes on with the rest after its peer has closed.
struct consuming {
    static constexpr role which = role::consumer;
    static constexpr const char* refused = "a consumer that was refused, moved from or destroyed cannot be called";
    static constexpr bool outlives_peer = true;
    static constexpr std::uint64_t lead(std::uint64_t /*capacity*/) noexcept { return 0; }
    template <class Ring>
    static auto& mine(Ring& ring) noexcept {
        return ring.announcement_of(which);
    }
    template <class Ring>
    static auto& theirs(Ring& ring) noexcept {
        return ring.announcement_of(other(which));
    }
    template <class Ring>
    static auto& claim(Ring& ring) noexcept {
        return ring.consumer_claim_;
    }
    template <class Ring>
    static auto& my_point(Ring& ring) noexcept {
        return ring.data_point_;
    }
    template <class Ring>
    static auto& peer_point(Ring& ring) noexcept {
        return ring.space_point_;
    }
    static constexpr std::uint64_t convenient(std::uint64_t want, std::uint64_t /*capacity*/) noexcept { return want; }
};

template <class Ring, class Cursor, class Guard, class Role>
class alignas(cache_line) end {
public:
    using ring_type = Ring;
    using value_type = typename Ring::value_type;
    using time_point = std::chrono::steady_clock::time_point;

    end(const end&) = delete;
    end& operator=(const end&) = delete;

    /// True for an end that was claimed; false for one that was refused, moved from, or made by default.
    [[nodiscard]] explicit operator bool() const noexcept { return ring_ != nullptr; }

    /// The most this ring can hold. Calling any other function on an end that is false stops the program.
    [[nodiscard]] std::size_t capacity() const noexcept { return geometry_.capacity(); }

    /// Why the last count was 0: `ok` (full or empty), `closed`, `corrupt`, or `too_large`.
    /// `closed` and `corrupt` do not go away again. On a closed ring there may be something left to read.
    [[nodiscard]] status state() noexcept {
        const in_brief_call in{guard_};
        require_claimed();
        if (verdict_ != status::ok) {
            return verdict_;
        }
        if (asked_too_much_) {
            return status::too_large;
        }
        return peer_closed() ? status::closed : status::ok;
    }

    /// Shows the peer all this end has done so far. Needed only with a cursor policy that holds publications back, by
    /// an end that will not call for a while: calls that find nothing to do, and waits, publish by themselves.
    void publish() noexcept {
        const in_brief_call in{guard_};
        require_claimed();
        publish_pending();
    }

    /// Between here and release_wakes(), publications wake nobody, so that a burst of them makes one system call at
    /// most. The peer sees them all the same if it looks. Waiting, arming, closing and dying wake it first.
    void hold_wakes() noexcept {
        const in_brief_call in{guard_};
        require_claimed();
        if (!holds_wakes_) {
            holds_wakes_ = true;
            held_from_ = published_;
        }
    }

    /// Wakes the peer if what was published since hold_wakes() passed what it sleeps for.
    void release_wakes() noexcept {
        const in_brief_call in{guard_};
        require_claimed();
        wake_for_what_was_held();
        holds_wakes_ = false;
    }

    /// Publishes, then says for good that this end is done. Calls after it move nothing, and `state()` is `closed`.
    /// Another thread that waits in this end (guard::locked) has returned, or is about to, when this returns.
    void close() noexcept {
        const in_call in{guard_};
        require_claimed();
        publish_pending();
        // CLr → CLa (peer_closed): after the last publish, or the peer ends the stream before its last elements.
        mine_->closed.store(1, std::memory_order_release);
        if constexpr (wakes_peer) {
            wake_for_what_was_held();
            wake_peer_if_asleep([]() noexcept { return true; });
        }
        conclude(verdict_ == status::corrupt ? status::corrupt : status::closed);
        if constexpr (Guard::many_threads && waiter_type::can_wait) {
            asleep_.mark_all();
            call_marked_sleepers();
        }
    }

    /// The descriptor an event loop waits for: readable from the wake-up that arm() asked for until the next arm().
    [[nodiscard]] int poll_fd() noexcept requires pollable_point<typename Ring::point_type> {
        const in_call in{guard_};
        require_claimed();
        return Role::my_point(*ring_).fd();
    }

    /// Asks for one wake-up through poll_fd(), when `min` elements may be moved or nothing more will come. False, with
    /// nothing asked, if that is so already: then the caller should go on instead of waiting.
    [[nodiscard]] bool arm(std::size_t min) noexcept requires pollable_point<typename Ring::point_type> {
        return arm(min, min);
    }

    /// The same for a caller who can go on with `min` and would rather be woken for `hoped_for`. A peer that goes to
    /// sleep wakes it for `min`; one that turns to something else does not.
    [[nodiscard]] bool arm(std::size_t min,
                           std::size_t hoped_for) noexcept requires pollable_point<typename Ring::point_type> {
        const in_call in{guard_};
        if (min > capacity()) {
            refuse_too_large();
            return false;
        }
        require_claimed();
        const std::uint64_t here = own_ - Role::lead(capacity());
        announce_to_event_loop({.need = here + min, .wake = here + std::max(min, hoped_for)});
        if (look(min) >= min || over(min)) {
            withdraw();
            return false;
        }
        (void)rouse_peer();
        return true;
    }

    /// Asks for one wake-up through poll_fd() when the peer says nudge() or closes, whatever else it does. The caller
    /// looks, afterwards, at what the nudge would be about.
    void arm_for_nudge() noexcept requires pollable_point<typename Ring::point_type> {
        const in_call in{guard_};
        require_claimed();
        const std::uint64_t never = own_ - Role::lead(capacity()) + (std::uint64_t{1} << 62U);
        announce_to_event_loop({.need = never, .wake = never});
        (void)rouse_peer();
    }

    /// True once a wait, or an arm() of some kind, has seen that the other process is gone, without having closed its
    /// end. What it had published can still be moved.
    [[nodiscard]] bool peer_died() const noexcept {
        if constexpr (may_lose_peer) {
            return peer_is_gone_;
        }
        return false;
    }

    /// Takes back what was asked for. A wake-up may be under way all the same.
    void disarm() noexcept {
        const in_call in{guard_};
        require_claimed();
        withdraw();
    }

    /// Wakes the peer if it waits at all: the caller has stored something that no cursor shows.
    void nudge() noexcept {
        nudge_if([]() noexcept { return true; });
    }

    /// The same, if `cares()`, asked behind the ring's barrier: a look at what the peer said it waits for.
    template <class Cares>
    void nudge_if(Cares&& cares) noexcept {
        const in_call in{guard_};
        require_claimed();
        if constexpr (wakes_peer) {
            wake_peer_if_asleep(cares);
        }
    }

    /// How many elements this end may move, seen behind the heavy half of the ring's barrier. Of a word that the caller
    /// stored before and a publication after which the peer looks at that word, at least one is seen.
    [[nodiscard]] std::size_t look_behind_barrier() noexcept {
        const in_call in{guard_};
        require_claimed();
        if constexpr (waiter_type::can_wait) {
            (void)barrier_.heavy();
        }
        return look(capacity());
    }

    /// The first half of a wait: looks for `min` elements as long as `point` does before it would sleep.
    /// Returns `enough` also when nothing more will come.
    template <wait_point<typename Ring::platform_type> Point>
    [[nodiscard]] polled poll(Point& point, std::size_t min, time_point deadline) noexcept {
        const in_call in{guard_};
        require_claimed();
        bool ended = false;
        return poll_for(point, min, deadline, ended);
    }

protected:
    using platform = typename Ring::platform_type;
    using guard_state = typename Guard::template state<platform>;
    using in_call = call<guard_state>;
    using in_brief_call = brief_call<guard_state>;
    /// Moves an element, which may be somebody else's code.
    using in_element_call = std::conditional_t<std::is_trivially_copyable_v<value_type>, in_brief_call, in_call>;

    end() noexcept = default;

    /// Claims its end of `ring`, or stays false because somebody has it.
    explicit end(Ring& ring) noexcept {
        auto& claim = Role::claim(ring);
        if (!ring.may_claim(Role::which) || !claim.take()) {
            return;
        }
        ring_ = &ring;
        slots_ = ring.storage_.data();
        geometry_ = ring.storage_.geometry();
        mine_ = &Role::mine(ring);
        theirs_ = &Role::theirs(ring);
        own_ = published_ = claim.memory.own;
        limit_ = claim.memory.limit;
        wakes_ = claim.memory.wakes;
        verdict_ = claim.memory.verdict;
    }

    end(end&& other) noexcept { take_over(other); }

    end& operator=(end&& other) noexcept {
        if (this != &other) {
            abandon();
            take_over(other);
        }
        return *this;
    }

    ~end() { abandon(); }

    /// How many elements this end may move: at least `want` if they are there, and never more than are there. The
    /// caller can do something with `least`.
    [[nodiscard, gnu::always_inline]] std::uint64_t available(std::uint64_t want, std::uint64_t least = 1) noexcept {
        const std::uint64_t remembered = limit_ - own_;
        if (Cursor::enough(remembered, want)) [[likely]] {
            return remembered;
        }
        return look(least);
    }

    /// How many elements this end may move, by a fresh look at the peer's cursor. If they are fewer than `least`, the
    /// peer has been shown everything.
    [[nodiscard, gnu::noinline]] std::uint64_t look(std::uint64_t least) noexcept {
        if (verdict_ != status::ok) [[unlikely]] {
            require_claimed();
            return 0;
        }
        asked_too_much_ = false;
        refresh();
        if constexpr (!Role::outlives_peer) {
            if (verdict_ == status::ok && peer_closed()) [[unlikely]] {
                conclude(status::closed);
            }
        }
        if (limit_ - own_ < least) {
            publish_pending();  // The peer may be waiting for just this.
        }
        return limit_ - own_;
    }

    /// Counts `n` elements as moved.
    [[gnu::always_inline]] void advance(std::uint64_t n) noexcept {
        own_ += n;
        if (Cursor::publish_now(own_ - published_)) {
            publish_own();
        }
    }

    /// Gives back the memory of the next `n` slots, which are this end's.
    void discard(std::size_t n) noexcept {
        require_claimed();
        ring_->storage_.discard(own_, n);
    }

    [[nodiscard]] value_type* slot() const noexcept { return slots_ + geometry_.offset(own_); }

    /// The next `n` slots.
    [[nodiscard]] span_pair<value_type> slots(std::size_t n) const noexcept {
        const std::size_t in_front = geometry_.first_piece(own_, n);
        return {{slot(), in_front}, {slots_, n - in_front}};
    }

    /// Remembers, for `state()`, that more was asked for than the ring can ever hold.
    void refuse_too_large() noexcept {
        require_claimed();
        asked_too_much_ = true;
    }

    /// True once nothing more can come: the peer is closed and what it published is used up, or this end is concluded.
    [[nodiscard]] bool over(std::uint64_t want) noexcept {
        if (verdict_ != status::ok) {
            return true;
        }
        if (!peer_closed()) {
            return false;
        }
        refresh();  // The look after CLa: the peer may have published between our last look and its close.
        return limit_ - own_ < want;
    }

    /// Waits until `want` elements may be moved.
    [[nodiscard, gnu::noinline]] status wait(std::uint64_t want, time_point deadline) noexcept {
        static_assert(Ring::waiter_type::can_wait,
                      "ferrule: nothing can wait on a ring with waiter::never: give the ring another waiter, or poll");
        static_assert(Ring::waiter_type::wakes_everybody || !Guard::many_threads,
                      "ferrule: an eventfd wakes one thread: use another waiter with guard::locked");
        const in_call in{guard_};
        require_claimed();
        if (want > capacity()) {
            return status::too_large;
        }
        if (limit_ - own_ >= want) {
            return status::ok;
        }
        publish_pending();
        wake_for_what_was_held();
        auto& point = Role::my_point(*ring_);
        for (bool convenient = true;; convenient = false) {
            bool ended = false;
            const polled outcome = poll_for(point, want, deadline, ended);
            if (ended) {
                return verdict_ == status::corrupt ? status::corrupt : status::closed;
            }
            if (outcome != polled::spent) {
                return outcome == polled::enough ? status::ok : status::timed_out;
            }
            if (sleep(point, want, convenient, deadline) == status::stalled) {
                return status::stalled;
            }
        }
    }

    void require_claimed() const noexcept {
        if (ring_ == nullptr) [[unlikely]] {
            misuse(Role::refused);
        }
    }

    // Private to this end. First, and together, what every call touches.
    std::uint64_t own_ = 0;
    std::uint64_t limit_ = 0;
    std::uint64_t published_ = 0;
    value_type* slots_ = nullptr;
    announcement<platform>* mine_ = nullptr;
    const announcement<platform>* theirs_ = nullptr;
    [[no_unique_address]] typename Ring::geometry_type geometry_{};
    [[no_unique_address]] guard_state guard_{};
    status verdict_ = status::closed;  // `ok` until something final happened.
    bool asked_too_much_ : 1 = false;
    bool holds_wakes_ : 1 = false;
    bool peer_is_gone_ : 1 = false;  // In another process, without having closed.

private:
    using waiter_type = typename Ring::waiter_type;
    static constexpr bool wakes_peer = [] {
        if constexpr (waiter_type::can_wait) {
            return bool{waiter_type::must_be_woken};
        }
        return false;
    }();
    static constexpr std::chrono::milliseconds a_moment{1};
    static constexpr bool may_lose_peer = shared_storage<typename Ring::storage_type>;
    /// A peer in another process may die without a word: a sleeper looks after it this often.
    static constexpr std::chrono::milliseconds slice{50};

    /// Loads the peer's cursor, once, and checks it against what this end alone knows: it may not go back, and not
    /// beyond what this end has published plus one capacity. One unsigned comparison says both.
    void refresh() noexcept {
        // DTa ← DTr, SPa ← SPr (publish_own): without it a consumer copies bytes not yet written, a producer
        // overwrites bytes still being read.
        const std::uint64_t limit = theirs_->cursor.load(std::memory_order_acquire) + Role::lead(capacity());
        if (limit - limit_ > published_ + capacity() - limit_) [[unlikely]] {
            conclude(status::corrupt);
        } else {
            limit_ = limit;
        }
    }

    [[gnu::always_inline]] void publish_own() noexcept {
        [[maybe_unused]] const std::uint64_t before = std::exchange(published_, own_);
        // DTr → DTa, SPr → SPa (refresh): after the elements were written, or read.
        mine_->cursor.store(own_, std::memory_order_release);
        if constexpr (wakes_peer) {
            if (!holds_wakes_) [[likely]] {
                wake_peer_if_due(before);
            }
        }
    }

    void publish_pending() noexcept {
        if (published_ != own_) {
            publish_own();
        }
    }

    [[nodiscard]] bool peer_closed() const noexcept {
        if constexpr (may_lose_peer) {
            if (peer_is_gone_) [[unlikely]] {
                return true;
            }
        }
        // CLa ← CLr (close): whoever sees the flag finds the last cursor by looking once more.
        return theirs_->closed.load(std::memory_order_acquire) != 0;
    }

    /// Looks for `want` elements as `point` does before it sleeps. `ended`: they are not there and will never be.
    template <class Point>
    [[nodiscard]] polled poll_for(Point& point, std::uint64_t want, time_point deadline, bool& ended) noexcept {
        const auto look_again = [&]() noexcept -> std::uint64_t {
            guard_.resume();
            const std::uint64_t there = look(want);
            ended = there < want && over(want);
            guard_.idle();
            return ended ? want : there;
        };
        guard_.idle();
        const polled outcome = point.poll(look_again, want, deadline);
        guard_.resume();
        return outcome;
    }

    /// Reaches a final state: nothing more is moved.
    void conclude(status verdict) noexcept {
        verdict_ = verdict;
        limit_ = own_;
    }

    /// The position a peer asleep waits for; one that was passed already if it is awake.
    [[nodiscard]] std::uint64_t wake_at_of_peer() const noexcept {
        // Relaxed, hint: WKp ↔ WKs (sleep): the barrier before this load is what counts.
        return theirs_->wake_at.load(std::memory_order_relaxed);
    }

    /// Wakes the peer if the publication that began at `before` passed the position it sleeps for.
    [[gnu::always_inline]] void wake_peer_if_due(std::uint64_t before) noexcept {
        // WKp ↔ WKs (sleep): without it both may miss the other's store, and the peer sleeps over what is there.
        barrier_.light();
        if (wake_at_of_peer() - before - 1 < published_ - before) [[unlikely]] {
            wake_peer();
        }
    }

    void wake_for_what_was_held() noexcept {
        if constexpr (wakes_peer) {
            if (holds_wakes_) [[unlikely]] {
                wake_peer_if_due(std::exchange(held_from_, published_));
            }
        }
    }

    /// Wakes the peer if it is asleep, and cares, for something that no cursor shows and the caller has stored.
    template <class Cares>
    void wake_peer_if_asleep(Cares&& cares) noexcept {
        // WKp ↔ WKs (sleep, announce_to_event_loop): without it the peer may miss what was stored, and we that it
        // sleeps.
        barrier_.light();
        if (is_ahead(wake_at_of_peer(), published_) && cares()) {
            wake_peer();
        }
    }

    [[gnu::noinline]] void wake_peer() noexcept {
        // Relaxed, sole writer: unpark() orders it before its look for sleepers.
        mine_->wakes.store(++wakes_, std::memory_order_relaxed);
        Role::peer_point(*ring_).unpark(mine_->wakes);
    }

    /// Parks until the peer has come as far as `want` needs, or a little further if that is `convenient`.
    /// Returns ok when it is time to look again; stalled if the peer sleeps too, for what only this end could give it.
    template <class Point>
    [[gnu::noinline]] status sleep(Point& point, std::uint64_t want, bool convenient, time_point deadline) noexcept {
        // Relaxed: read before the barrier, so that a wake after it ends the park.
        const std::uint32_t seen = theirs_->wakes.load(std::memory_order_relaxed);
        const std::uint64_t hoped_for = convenient ? Role::convenient(want, capacity()) : want;
        const std::uint64_t here = own_ - Role::lead(capacity());
        sleeper me{{.need = here + want, .wake = here + hoped_for}};
        asleep_.add(me);
        const bool fenced = announce_nearest();
        const bool others_reached = Guard::many_threads && asleep_.mark_reached(reached(), me);
        status outcome = status::ok;
        if (!others_reached && limit_ - own_ < want && !over(want)) {
            outcome = rouse_peer();
            if (outcome == status::stalled) {
                // The peer may have served us since that look, and then gone to sleep itself: that is no stall.
                (void)barrier_.heavy();
                if (look(want) >= want || over(want)) {
                    outcome = status::ok;
                }
            } else {
                // A peer that reads a little and then does something else would leave us waiting for half a ring:
                // wait for the convenient amount for a moment, then for the exact one. Without a barrier, look often.
                const bool exactly = hoped_for == want && fenced;
                const time_point until = exactly ? deadline : std::min(deadline, platform::now() + a_moment);
                guard_.idle();
                park(point, seen, until);
                guard_.resume();
                note_death(point);
            }
        }
        asleep_.remove(me);
        if (others_reached) {
            // The peer may have looked when another position than theirs was announced, and woken nobody.
            call_marked_sleepers();
        }
        if (asleep_.empty()) {
            withdraw();
        }
        return outcome;
    }

    /// Until woken, at the longest until `until`; and not past the death of a peer that is watched.
    template <class Point>
    void park(Point& point, std::uint32_t seen, time_point until) noexcept {
        if constexpr (!may_lose_peer) {
            point.park(theirs_->wakes, seen, until);
        } else if constexpr (vigilant_point<Point, platform>) {
            point.park(theirs_->wakes, seen, until, ring_->storage_.peer_life());
        } else {
            const bool watched = ring_->storage_.peer_life() >= 0;
            point.park(theirs_->wakes, seen, watched ? std::min(until, platform::now() + slice) : until);
        }
    }

    /// Behind a sleep: is there still somebody to wait for?
    template <class Point>
    void note_death(const Point& point) noexcept {
        if constexpr (may_lose_peer) {
            bool gone = ring_->storage_.peer_is_gone();
            if constexpr (vigilant_point<Point, platform>) {
                gone = gone || point.peer_is_gone();
            }
            peer_is_gone_ = peer_is_gone_ || gone;
        }
    }

    /// Wakes threads of ours that sleep in this end. Again and again, because one that has let go of the guard in order
    /// to sleep need not be asleep yet.
    [[gnu::noinline]] void call_marked_sleepers() noexcept {
        while (asleep_.any_called()) {
            Role::my_point(*ring_).unpark(theirs_->wakes);
            guard_.idle();
            platform::yield();
            guard_.resume();
        }
    }

    /// Waits for nothing any more: a position that was passed wakes nobody.
    void withdraw() noexcept {
        // Relaxed, sole writer: seen late, it costs a wake too many.
        mine_->wake_at.store(reached(), std::memory_order_relaxed);
    }

    /// How far the peer has come, as far as this end knows.
    [[nodiscard]] std::uint64_t reached() const noexcept { return limit_ - Role::lead(capacity()); }

    void announce(positions at) noexcept {
        // Relaxed, sole writer: ordered by what follows.
        mine_->need_at.store(at.need, std::memory_order_relaxed);
        // ANr → ANa (rouse_peer): without it a peer sees that we wait, not what we did before, and takes it for a
        // stall.
        mine_->wake_at.store(at.wake, std::memory_order_release);
    }

    /// Announces the nearest position that a thread of ours sleeps for and that is still to come, seen after the
    /// announcement: one that was passed before would wake nobody, and hide the others. False if the barrier failed.
    bool announce_nearest() noexcept {
        bool fenced = true;
        for (auto next = asleep_.nearest(reached()); next; next = asleep_.nearest(reached())) {
            announce(*next);
            // WKs ↔ WKp (wake_peer_if_due, close): without it both may miss the other's store.
            fenced = barrier_.heavy();
            (void)look(capacity());  // Another thread may have held something back since publish_pending().
            if (is_ahead(next->wake, reached())) {
                break;
            }
        }
        return fenced;
    }

    /// Says what this end waits for in an event loop. What the caller sees afterwards was there before, or wakes it.
    void announce_to_event_loop(positions at) noexcept {
        publish_pending();
        wake_for_what_was_held();
        auto& point = Role::my_point(*ring_);
        point.drain();
        note_death(point);
        announce(at);
        // WKs ↔ WKp (wake_peer_if_due, wake_peer_if_asleep): without it both may miss the other's store.
        (void)barrier_.heavy();
    }

    /// Before this end sleeps: a peer that sleeps for convenience gets what there is. One that needs more than there is
    /// and this end, which now waits for it, would wait for each other for ever.
    [[nodiscard]] status rouse_peer() noexcept {
        if (!is_ahead(wake_at_of_peer(), published_)) {
            return status::ok;
        }
        // ANa ← ANr (announce): with the barrier and the look that follow a stall.
        // Relaxed, hint: stored before wake_at, read after it; a mixed pair costs a wake or a look too many.
        if (is_ahead(theirs_->need_at.load(std::memory_order_relaxed), published_)) {
            return status::stalled;
        }
        if constexpr (wakes_peer) {
            wake_peer();
        }
        return status::ok;
    }

    void take_over(end& other) noexcept {
        const in_call in{other.guard_};
        own_ = std::exchange(other.own_, 0);
        limit_ = std::exchange(other.limit_, 0);
        published_ = std::exchange(other.published_, 0);
        slots_ = other.slots_;
        mine_ = other.mine_;
        theirs_ = other.theirs_;
        geometry_ = other.geometry_;
        wakes_ = other.wakes_;
        verdict_ = std::exchange(other.verdict_, status::closed);
        asked_too_much_ = other.asked_too_much_;
        holds_wakes_ = other.holds_wakes_;
        peer_is_gone_ = other.peer_is_gone_;
        held_from_ = other.held_from_;
        ring_ = std::exchange(other.ring_, nullptr);
    }

    void abandon() noexcept {
        const in_call in{guard_};
        if (ring_ == nullptr) {
            return;
        }
        publish_pending();
        wake_for_what_was_held();
        holds_wakes_ = false;
        withdraw();  // It may have been armed, and the peer must not take the next claimant for a sleeper.
        auto& claim = Role::claim(*ring_);
        claim.memory = {own_, limit_, wakes_, verdict_};
        ring_ = nullptr;
        own_ = limit_ = published_ = 0;
        verdict_ = status::closed;
        claim.give_back();
    }

    [[no_unique_address]] barrier_of<waiter_type, platform> barrier_{};
    std::uint32_t wakes_ = 0;  // The last value of mine_->wakes.
    sleepers asleep_;
    std::uint64_t held_from_ = 0;  // Up to where a sleeper was looked for, while wakes are held.
    Ring* ring_ = nullptr;
};

}  // namespace ferrule::inline v0::detail
