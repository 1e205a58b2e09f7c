// Memory in one piece or in several, as ::iovec lists them, and how far somebody has come in it.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace ferrule::inline v0::detail {

/// `Byte` is std::byte for memory that is filled, const std::byte for memory that is read. Owns nothing.
template <class Byte>
    requires(std::same_as<std::remove_const_t<Byte>, std::byte>)
class pieces {
public:
    pieces() noexcept = default;
    pieces(Byte* at, std::size_t n) noexcept : front_{at, n} {}
    template <class Whole>
        requires(!std::same_as<std::remove_cvref_t<Whole>, pieces> && std::convertible_to<Whole, std::span<Byte>>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): other pieces are copied.
    explicit(false) pieces(Whole&& whole) noexcept : front_{std::span<Byte>{whole}} {}
    /// The list must outlive this.
    [[nodiscard]] static pieces of(std::span<const ::iovec> list) noexcept {
        pieces all;
        all.list_ = list;
        all.skip_what_is_done();
        return all;
    }

    /// What is left of the piece that comes next; empty only if nothing is left at all.
    [[nodiscard]] std::span<Byte> front() const noexcept { return front_; }
    [[nodiscard]] bool empty() const noexcept { return front_.empty(); }
    /// True if nothing follows the front.
    [[nodiscard]] bool is_one() const noexcept { return list_.size() <= 1; }
    /// How many bytes are left.
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t bytes = front_.size();
        for (std::size_t i = 1; i < list_.size(); ++i) {
            bytes += list_[i].iov_len;
        }
        return bytes;
    }

    /// Goes on by `n`, which must not be more than size().
    void advance(std::size_t n) noexcept {
        while (n > front_.size()) {
            n -= front_.size();
            front_ = {};
            skip_what_is_done();
        }
        front_ = front_.subspan(n);
        skip_what_is_done();
    }

    /// Has `copy(to, from, n)` copy as much of `from` as fits, and goes on by that much. Returns how much it was.
    template <class Copy>
    std::size_t fill_from(std::span<const std::byte> from, Copy copy) noexcept requires(!std::is_const_v<Byte>) {
        std::size_t done = 0;
        while (!front_.empty() && done != from.size()) {
            const std::size_t n = std::min(front_.size(), from.size() - done);
            copy(front_.data(), from.data() + done, n);
            done += n;
            advance(n);
        }
        return done;
    }

    /// What is left, or a prefix of it, as system calls take it. In `room`, unless the caller's own list will do.
    [[nodiscard]] std::span<const ::iovec> list(std::span<::iovec> room) const noexcept {
        if (!list_.empty() && list_[0].iov_base == front_.data() && list_[0].iov_len == front_.size()) {
            return list_;
        }
        const std::size_t n = std::min(std::max<std::size_t>(list_.size(), 1), room.size());
        room[0] = {const_cast<std::byte*>(front_.data()), front_.size()};  // NOLINT: the type has no const.
        for (std::size_t i = 1; i < n; ++i) {
            room[i] = list_[i];
        }
        return room.first(n);
    }

private:
    /// The front is empty only at the end.
    void skip_what_is_done() noexcept {
        while (front_.empty() && !list_.empty()) {
            // The front came from the first of the list, or from nowhere yet.
            if (started_) {
                list_ = list_.subspan(1);
            }
            started_ = true;
            if (!list_.empty()) {
                front_ = {static_cast<Byte*>(list_[0].iov_base), list_[0].iov_len};
            }
        }
    }

    std::span<Byte> front_{};
    std::span<const ::iovec> list_{};  // Begins with the piece that the front is of; empty if there is no list.
    bool started_ = false;
};

}  // namespace ferrule::inline v0::detail
