// What benchmarks send: every word says where in the stream it belongs, and is cheap to write and to verify (one
// addition), so that touching the data does not drown what is measured.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ferrule::bench::payload {

inline constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;

[[nodiscard]] constexpr std::uint64_t word_at(std::uint64_t position) noexcept { return (position / 8 + 1) * step; }

[[nodiscard]] constexpr std::byte byte_at(std::uint64_t position) noexcept {
    return static_cast<std::byte>(word_at(position) >> (8 * (position % 8)));
}

/// How many bytes of a piece at `position` come before its first whole word.
[[nodiscard]] constexpr std::size_t before_words(std::uint64_t position, std::size_t size) noexcept {
    return std::min<std::size_t>(size, (8 - position % 8) % 8);
}

/// Writes the piece of the stream that begins at `position`.
inline void write(std::span<std::byte> to, std::uint64_t position) noexcept {
    const std::size_t lead = before_words(position, to.size());
    for (std::size_t i = 0; i != lead; ++i) {
        to[i] = byte_at(position + i);
    }
    std::byte* at = to.data() + lead;
    std::uint64_t word = word_at(position + lead);
    for (std::size_t words = (to.size() - lead) / 8; words != 0; --words, at += 8, word += step) {
        std::memcpy(at, &word, 8);
    }
    for (std::byte* const end = to.data() + to.size(); at != end; ++at, word >>= 8U) {
        *at = static_cast<std::byte>(word);
    }
}

/// True if `from` is the piece of the stream that begins at `position`.
[[nodiscard]] inline bool matches(std::span<const std::byte> from, std::uint64_t position) noexcept {
    const std::size_t lead = before_words(position, from.size());
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i != lead; ++i) {
        difference |= std::to_integer<std::uint64_t>(from[i] ^ byte_at(position + i));
    }
    const std::byte* at = from.data() + lead;
    std::uint64_t word = word_at(position + lead);
    for (std::size_t words = (from.size() - lead) / 8; words != 0; --words, at += 8, word += step) {
        std::uint64_t there = 0;
        std::memcpy(&there, at, 8);
        difference |= there ^ word;
    }
    for (const std::byte* const end = from.data() + from.size(); at != end; ++at, word >>= 8U) {
        difference |= std::to_integer<std::uint64_t>(*at ^ static_cast<std::byte>(word));
    }
    return difference == 0;
}

}  // namespace ferrule::bench::payload
