// The end that reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <ferrule/end.hpp>
#include <ferrule/grant.hpp>

namespace ferrule::inline v0 {

/// Made by `ring.claim_consumer()`; one lives per ring at a time. Move-only; gives its claim back when it dies, without
/// closing the ring, so that another can go on. Must not outlive the ring. One thread at a time calls it (see guard/).
///
/// No `try_` function waits, allocates, throws or makes a system call.
template <class Ring, class Cursor, class Guard>
class consumer : public detail::end<Ring, Cursor, Guard, detail::consuming> {
    using base = detail::end<Ring, Cursor, Guard, detail::consuming>;
    using typename base::in_brief_call;
    using typename base::in_call;
    using typename base::in_element_call;
    using typename base::platform;

public:
    using typename base::time_point;
    using typename base::value_type;
    using grant_type = read_grant<consumer, in_call>;

    /// An end that is false.
    consumer() noexcept = default;

    /// Copies as many elements as there are into `to`, and gives their slots back to the producer.
    /// Returns how many; fewer than asked only if the ring held no more at a moment during the call.
    [[nodiscard]] std::size_t try_read(std::span<value_type> to) noexcept requires raw_element<value_type> {
        const in_brief_call in{this->guard_};
        const std::size_t n = std::min(to.size(), this->available(to.size()));
        if (n == 0) {
            return 0;
        }
        const auto from = this->slots(n);
        platform::copy_out(to.data(), from.front.data(), from.front.size());
        if (!from.back.empty()) {
            platform::copy_out(to.data() + from.front.size(), from.back.data(), from.back.size());
        }
        this->advance(n);
        return n;
    }

    /// Lends what this end knows to be there, if that is at least `min` elements; looks for more only if it is not.
    /// Returns a grant that is false if there are fewer than `min`, or none.
    /// The producer may add more meanwhile; it touches nothing that was lent.
    [[nodiscard]] grant_type peek(std::size_t min = 1) noexcept {
        in_call in{this->guard_};
        if (min > this->capacity()) [[unlikely]] {
            this->refuse_too_large();
            return {};
        }
        const std::size_t least = std::max<std::size_t>(min, 1);
        const std::size_t n = this->available(least, least);
        if (n == 0 || n < min) {
            return {};
        }
        return {*this, this->slots(n), std::move(in)};
    }

    /// Moves the oldest element out of the ring. Returns nothing if there is none.
    [[nodiscard]] std::optional<value_type> try_pop() noexcept {
        const in_element_call in{this->guard_};
        if (this->available(1) == 0) {
            return std::nullopt;
        }
        std::optional<value_type> popped{platform::take(this->slot())};
        this->advance(1);
        return popped;
    }

    /// Elements for the caller to count on, freshly looked up: the producer can only add to them.
    [[nodiscard]] std::size_t readable_at_least() noexcept {
        const in_brief_call in{this->guard_};
        return this->look(this->capacity());
    }

    /// True once nothing more will ever come: the producer closed and everything it published was read, this end was
    /// closed, or the ring is corrupt. Stays true.
    [[nodiscard]] bool finished() noexcept {
        const in_brief_call in{this->guard_};
        this->require_claimed();
        return this->over(1);
    }

    /// Waits until `min` elements are there, no more will come, or `deadline` has passed.
    /// Returns ok, closed (fewer than `min` may be left to read), corrupt, timed_out; too_large, at once, if `min` is
    /// more than the capacity.
    [[nodiscard]] status wait_readable(std::size_t min, time_point deadline) noexcept {
        return this->wait(min, deadline);
    }

private:
    friend Ring;
    friend grant_type;
    explicit consumer(Ring& ring) noexcept : base{ring} {}
};

}  // namespace ferrule::inline v0
