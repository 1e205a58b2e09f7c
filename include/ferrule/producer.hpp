// The end that writes.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <ferrule/end.hpp>
#include <ferrule/grant.hpp>

namespace ferrule::inline v0 {

/// Made by `ring.claim_producer()`; one lives per ring at a time. Move-only; gives its claim back when it dies, without
/// closing the ring, so that another can go on. Must not outlive the ring. One thread at a time calls it (see guard/).
///
/// No `try_` function waits, allocates or makes a system call. None throws, unless an element's own constructor does;
/// nothing was published then.
template <class Ring, class Cursor, class Guard>
class producer : public detail::end<Ring, Cursor, Guard, detail::producing> {
    using base = detail::end<Ring, Cursor, Guard, detail::producing>;
    using typename base::in_brief_call;
    using typename base::in_call;
    using typename base::in_element_call;
    using typename base::platform;

public:
    using typename base::time_point;
    using typename base::value_type;
    using grant_type = write_grant<producer, in_call>;

    /// An end that is false.
    producer() noexcept = default;

    /// Writes as many elements of `from` as there is room for, from its beginning, and publishes them.
    /// Returns how many; fewer than asked only if the ring was that full at a moment during the call.
    [[nodiscard]] std::size_t try_write(std::span<const value_type> from) noexcept requires raw_element<value_type> {
        const in_brief_call in{this->guard_};
        const std::size_t n = std::min(from.size(), this->available(from.size()));
        if (n == 0) {
            return 0;
        }
        const auto to = this->slots(n);
        platform::copy_in(to.front.data(), from.data(), to.front.size());
        if (!to.back.empty()) {
            platform::copy_in(to.back.data(), from.data() + to.front.size(), to.back.size());
        }
        this->advance(n);
        return n;
    }

    /// Lends room for at least `min` and at most `max` elements, to be written in place and committed.
    /// Returns a grant that is false if there is less room than `min`, or none.
    /// Another thread may make more room meanwhile; it cannot take any away.
    [[nodiscard]] grant_type prepare(std::size_t min, std::size_t max) noexcept requires raw_element<value_type> {
        in_call in{this->guard_};
        if (max < min) [[unlikely]] {
            detail::misuse("prepare(min, max) with max less than min");
        }
        if (min > this->capacity()) [[unlikely]] {
            this->refuse_too_large();
            return {};
        }
        const std::size_t n = std::min(max, this->available(max, std::max<std::size_t>(min, 1)));
        if (n == 0 || n < min) {
            return {};
        }
        return {*this, this->slots(n), std::move(in)};
    }

    /// Makes an element in the ring from `args`. Returns false, with `args` untouched, if the ring is full or closed.
    template <class... Args>
        requires std::constructible_from<value_type, Args...>
    [[nodiscard]] bool try_emplace(Args&&... args) noexcept(std::is_nothrow_constructible_v<value_type, Args...>) {
        const in_element_call in{this->guard_};
        if (this->available(1) == 0) {
            return false;
        }
        platform::construct(this->slot(), std::forward<Args>(args)...);
        this->advance(1);
        return true;
    }

    /// Moves `element` into the ring. Returns false, with `element` untouched, if the ring is full or closed.
    [[nodiscard]] bool try_push(value_type&& element) noexcept { return try_emplace(std::move(element)); }

    /// Copies `element` into the ring. Returns false if the ring is full or closed.
    [[nodiscard]] bool try_push(const value_type& element) noexcept(
        std::is_nothrow_copy_constructible_v<value_type>) requires std::copy_constructible<value_type> {
        return try_emplace(element);
    }

    /// Room for the caller to count on, freshly looked up: the consumer can only add to it.
    [[nodiscard]] std::size_t writable_at_least() noexcept {
        const in_brief_call in{this->guard_};
        return this->look(this->capacity());
    }

    /// Gives the memory of free slots back to the system, in whole pages, for a ring that will not be used for a while.
    /// A system call or two; what is written next has to get pages again.
    void trim() noexcept requires shared_storage<typename Ring::storage_type> {
        const in_call in{this->guard_};
        const std::uint64_t room = this->look(this->capacity());
        this->discard(room);
    }

    /// Waits until there is room for `min` elements, the consumer closes, or `deadline` has passed.
    /// Returns ok, closed, corrupt, timed_out; too_large, at once, if `min` is more than the capacity.
    [[nodiscard]] status wait_writable(std::size_t min, time_point deadline) noexcept {
        return this->wait(min, deadline);
    }

private:
    friend Ring;
    friend grant_type;
    explicit producer(Ring& ring) noexcept : base{ring} {}
};

}  // namespace ferrule::inline v0
