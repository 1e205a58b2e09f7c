// What the two ends of a ring have in common, which is everything but the direction of the copy.
//
// An end owns one cursor, `own_`, and remembers a `limit_`: how far the peer has said it may go. For the consumer the
// limit is the peer's cursor; for the producer it is the peer's cursor plus the capacity. What an end may move is
// `limit_ - own_` either way, so looking, publishing, checking a peer and waiting are written once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/config.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/call.hpp>
#include <ferrule/detail/claim.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/span_pair.hpp>
#include <ferrule/status.hpp>

namespace ferrule::inline v0::detail {

/// The role of a producer: it may go a capacity ahead of its peer, and stops when nobody reads.
struct producing {
    static constexpr const char* refused = "a producer that was refused, moved from or destroyed cannot be called";
    static constexpr bool outlives_peer = false;
    static constexpr std::uint64_t lead(std::uint64_t capacity) noexcept { return capacity; }
    template <class Ring>
    static auto& mine(Ring& ring) noexcept {
        return ring.control_.producer;
    }
    template <class Ring>
    static auto& theirs(Ring& ring) noexcept {
        return ring.control_.consumer;
    }
    template <class Ring>
    static auto& claim(Ring& ring) noexcept {
        return ring.producer_claim_;
    }
    template <class Ring>
    static auto& waiter(Ring& ring) noexcept {
        return ring.space_waiter_;
    }
};

/// The role of a consumer: it may go as far as its peer, and goes on with the rest after its peer has closed.
struct consuming {
    static constexpr const char* refused = "a consumer that was refused, moved from or destroyed cannot be called";
    static constexpr bool outlives_peer = true;
    static constexpr std::uint64_t lead(std::uint64_t /*capacity*/) noexcept { return 0; }
    template <class Ring>
    static auto& mine(Ring& ring) noexcept {
        return ring.control_.consumer;
    }
    template <class Ring>
    static auto& theirs(Ring& ring) noexcept {
        return ring.control_.producer;
    }
    template <class Ring>
    static auto& claim(Ring& ring) noexcept {
        return ring.consumer_claim_;
    }
    template <class Ring>
    static auto& waiter(Ring& ring) noexcept {
        return ring.data_waiter_;
    }
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
        const in_call in{guard_};
        require_claimed();
        if (verdict_ != status::ok) {
            return verdict_;
        }
        if (asked_too_much_) {
            return status::too_large;
        }
        return peer_closed() ? status::closed : status::ok;
    }

    /// Shows the peer all this end has done so far. Needed only with a cursor policy that holds publications back.
    void publish() noexcept {
        const in_call in{guard_};
        require_claimed();
        publish_pending();
    }

    /// Publishes, then says for good that this end is done. Calls after it move nothing, and `state()` is `closed`.
    void close() noexcept {
        const in_call in{guard_};
        require_claimed();
        publish_pending();
        // CLr → CLa (peer_closed): after the last publish, or the peer ends the stream before its last elements.
        mine_->closed.store(1, std::memory_order_release);
        conclude(verdict_ == status::corrupt ? status::corrupt : status::closed);
    }

protected:
    using platform = typename Ring::platform_type;
    using guard_state = typename Guard::template state<platform>;
    using in_call = call<guard_state>;

    end() noexcept = default;

    /// Claims its end of `ring`, or stays false because somebody has it.
    explicit end(Ring& ring) noexcept {
        auto& claim = Role::claim(ring);
        if (!claim.take()) {
            return;
        }
        ring_ = &ring;
        slots_ = ring.storage_.data();
        geometry_ = ring.storage_.geometry();
        mine_ = &Role::mine(ring);
        theirs_ = &Role::theirs(ring);
        own_ = published_ = claim.memory.own;
        limit_ = claim.memory.limit;
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

    /// How many elements this end may move: at least `want` if they are there, and never more than are there.
    [[nodiscard]] std::uint64_t available(std::uint64_t want) noexcept {
        const std::uint64_t remembered = limit_ - own_;
        if (Cursor::enough(remembered, want)) [[likely]] {
            return remembered;
        }
        return look();
    }

    /// How many elements this end may move, by a fresh look at the peer's cursor.
    [[nodiscard]] std::uint64_t look() noexcept {
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
        if (limit_ == own_) {
            publish_pending();  // The peer may be waiting for just this.
        }
        return limit_ - own_;
    }

    /// Counts `n` elements as moved.
    void advance(std::uint64_t n) noexcept {
        own_ += n;
        if (Cursor::publish_now(own_ - published_)) {
            publish_own();
        }
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
    [[nodiscard]] status wait(std::uint64_t want, time_point deadline) noexcept {
        static_assert(Ring::waiter_type::can_wait,
                      "ferrule: nothing can wait on a ring with waiter::never: give the ring another waiter, or poll");
        in_call in{guard_};
        require_claimed();
        if (want > capacity()) {
            return status::too_large;
        }
        if (limit_ - own_ >= want) {
            return status::ok;
        }
        publish_pending();
        bool ended = false;
        const auto look_again = [&]() noexcept -> std::uint64_t {
            guard_.resume();
            const std::uint64_t there = look();
            ended = there < want && over(want);
            guard_.idle();
            return ended ? want : there;
        };
        auto& waiter = Role::waiter(*ring_);
        polled outcome{};
        guard_.idle();
        while ((outcome = waiter.template poll<platform>(look_again, want, deadline)) == polled::spent) {
            waiter.template park<platform>(deadline);
        }
        guard_.resume();
        if (ended) {
            return verdict_ == status::corrupt ? status::corrupt : status::closed;
        }
        return outcome == polled::expired ? status::timed_out : status::ok;
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
    bool asked_too_much_ = false;

private:
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

    void publish_own() noexcept {
        published_ = own_;
        // DTr → DTa, SPr → SPa (refresh): after the elements were written, or read.
        mine_->cursor.store(own_, std::memory_order_release);
    }

    void publish_pending() noexcept {
        if (published_ != own_) {
            publish_own();
        }
    }

    [[nodiscard]] bool peer_closed() const noexcept {
        // CLa ← CLr (close): whoever sees the flag finds the last cursor by looking once more.
        return theirs_->closed.load(std::memory_order_acquire) != 0;
    }

    /// Reaches a final state: nothing more is moved.
    void conclude(status verdict) noexcept {
        verdict_ = verdict;
        limit_ = own_;
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
        verdict_ = std::exchange(other.verdict_, status::closed);
        asked_too_much_ = other.asked_too_much_;
        ring_ = std::exchange(other.ring_, nullptr);
    }

    void abandon() noexcept {
        const in_call in{guard_};
        if (ring_ == nullptr) {
            return;
        }
        publish_pending();
        auto& claim = Role::claim(*ring_);
        claim.memory = {own_, limit_, verdict_};
        ring_ = nullptr;
        own_ = limit_ = published_ = 0;
        verdict_ = status::closed;
        claim.give_back();
    }

    Ring* ring_ = nullptr;
};

}  // namespace ferrule::inline v0::detail
