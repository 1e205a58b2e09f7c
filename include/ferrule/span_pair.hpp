// A region of a ring: up to two contiguous pieces, in stream order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace ferrule::inline v0 {

template <class T>
struct span_pair {
    std::span<T> front;  ///< What comes first in the stream.
    std::span<T> back;   ///< What follows it; empty unless the region wraps.

    [[nodiscard]] constexpr std::size_t size() const noexcept { return front.size() + back.size(); }
    [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }

    /// The element `i` places into the region. `i` must be less than `size()`.
    [[nodiscard]] constexpr T& operator[](std::size_t i) const noexcept {
        return i < front.size() ? front[i] : back[i - front.size()];
    }

    /// The first `n` elements, or all of them if there are fewer.
    [[nodiscard]] constexpr span_pair first(std::size_t n) const noexcept {
        const std::size_t in_front = std::min(n, front.size());
        return {front.first(in_front), back.first(std::min(n - in_front, back.size()))};
    }

    /// What follows the first `n` elements; empty if there are fewer.
    [[nodiscard]] constexpr span_pair after(std::size_t n) const noexcept {
        const std::size_t in_front = std::min(n, front.size());
        return {front.subspan(in_front), back.subspan(std::min(n - in_front, back.size()))};
    }

    /// Copies as much of `from` as fits. Returns how much that was.
    constexpr std::size_t copy_from(std::span<const T> from) const noexcept
        requires(!std::is_const_v<T> && std::is_nothrow_copy_assignable_v<T>) {
        const span_pair to = first(from.size());
        std::copy_n(from.begin(), to.front.size(), to.front.begin());
        std::copy_n(from.subspan(to.front.size()).begin(), to.back.size(), to.back.begin());
        return to.size();
    }

    /// Copies as much as fits into `to`. Returns how much that was.
    constexpr std::size_t copy_to(std::span<std::remove_const_t<T>> to)
        const noexcept requires std::is_nothrow_copy_assignable_v<std::remove_const_t<T>> {
        const span_pair from = first(to.size());
        std::copy_n(from.front.begin(), from.front.size(), to.begin());
        std::copy_n(from.back.begin(), from.back.size(), to.subspan(from.front.size()).begin());
        return from.size();
    }
};

}  // namespace ferrule::inline v0
