// Where the elements [cursor, cursor + n) of a stream lie in a storage. Pure arithmetic; no memory, no atomics.
//
// A cursor counts elements since the stream began and runs freely through 2^64. Capacities are powers of two, so that
// masking a cursor stays right when it wraps, every slot is usable, and full is never mistaken for empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ferrule::inline v0 {

[[nodiscard]] constexpr bool is_capacity(std::size_t n) noexcept { return n != 0 && (n & (n - 1)) == 0; }

namespace geometry {

/// A capacity known when the ring is made. Law: the capacity passed in satisfies `is_capacity`.
class run_time {
public:
    /// The geometry of a refused end: nothing fits.
    constexpr run_time() noexcept = default;
    constexpr explicit run_time(std::size_t capacity) noexcept : mask_{capacity - 1} {}

    [[nodiscard]] constexpr std::size_t capacity() const noexcept { return mask_ + 1; }
    [[nodiscard]] constexpr std::size_t offset(std::uint64_t cursor) const noexcept { return cursor & mask_; }
    /// How many of `n` elements from `cursor` on lie side by side; the rest starts at offset 0.
    [[nodiscard]] constexpr std::size_t first_piece(std::uint64_t cursor, std::size_t n) const noexcept {
        return std::min(n, capacity() - offset(cursor));
    }

private:
    std::size_t mask_ = ~std::size_t{0};
};

/// A capacity known to the compiler: no state, and the masks become constants.
template <std::size_t N>
class compile_time {
public:
    static_assert(is_capacity(N), "ferrule: a capacity must be a power of two");

    [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }
    [[nodiscard]] static constexpr std::size_t offset(std::uint64_t cursor) noexcept { return cursor & (N - 1); }
    [[nodiscard]] static constexpr std::size_t first_piece(std::uint64_t cursor, std::size_t n) noexcept {
        return std::min(n, N - offset(cursor));
    }
};

/// Slots that may be mapped twice, back to back, so that no region wraps. There may be more of them than elements in
/// the ring at any time: cursors move through all.
class mirrored {
public:
    /// The geometry of a refused end: nothing fits.
    constexpr mirrored() noexcept = default;
    /// `slots` of them, and then the same again. Law: both numbers satisfy `is_capacity`, and capacity <= slots.
    [[nodiscard]] static constexpr mirrored twice(std::size_t capacity, std::size_t slots) noexcept {
        return {capacity | is_mirrored_bit, slots};
    }
    /// `capacity` slots that are there once, as everywhere else.
    [[nodiscard]] static constexpr mirrored once(std::size_t capacity) noexcept { return {capacity, capacity}; }

    [[nodiscard]] constexpr bool is_mirrored() const noexcept { return (capacity_ & is_mirrored_bit) != 0; }
    [[nodiscard]] constexpr std::size_t capacity() const noexcept { return capacity_ & ~is_mirrored_bit; }
    [[nodiscard]] constexpr std::size_t offset(std::uint64_t cursor) const noexcept { return cursor & mask_; }
    /// How many of `n` elements from `cursor` on lie side by side: all of them, if the slots are mirrored.
    [[nodiscard]] constexpr std::size_t first_piece(std::uint64_t cursor, std::size_t n) const noexcept {
        return is_mirrored() ? n : std::min(n, mask_ + 1 - offset(cursor));
    }

private:
    // In the capacity's own word, where no capacity can reach, because every end keeps a geometry among its hot fields.
    static constexpr std::size_t is_mirrored_bit = std::size_t{1} << 63U;
    constexpr mirrored(std::size_t capacity, std::size_t slots) noexcept : capacity_{capacity}, mask_{slots - 1} {}

    std::size_t capacity_ = 0;
    std::size_t mask_ = ~std::size_t{0};
};

}  // namespace geometry
}  // namespace ferrule::inline v0
