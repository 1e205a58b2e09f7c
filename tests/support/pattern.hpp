// Data whose every byte is determined by its position in the stream, so that a byte that is lost, doubled, moved or
// torn is seen at once, and where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ferrule::test {

/// The 64-bit word at word position `i` of the stream (a bijective mix, so no two words of a run are equal).
[[nodiscard]] constexpr std::uint64_t pattern_word(std::uint64_t i) noexcept {
    std::uint64_t x = i + 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

[[nodiscard]] constexpr std::byte pattern_byte(std::uint64_t position) noexcept {
    return static_cast<std::byte>(pattern_word(position / 8) >> (8 * (position % 8)));
}

/// Writes the stretch of the stream that begins at `position`.
inline void fill_pattern(std::span<std::byte> to, std::uint64_t position) noexcept {
    for (std::size_t i = 0; i < to.size();) {
        const std::size_t left = to.size() - i;
        if ((position + i) % 8 == 0 && left >= 8) {
            const std::uint64_t word = pattern_word((position + i) / 8);
            std::memcpy(to.data() + i, &word, 8);
            i += 8;
        } else {
            to[i] = pattern_byte(position + i);
            ++i;
        }
    }
}

/// True if `bytes` is the stretch of the stream that begins at `position`.
[[nodiscard]] inline bool is_pattern(std::span<const std::byte> bytes, std::uint64_t position) noexcept {
    std::uint64_t wrong = 0;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t left = bytes.size() - i;
        if ((position + i) % 8 == 0 && left >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + i, 8);
            wrong |= word ^ pattern_word((position + i) / 8);
            i += 8;
        } else {
            wrong |= bytes[i] != pattern_byte(position + i) ? 1U : 0U;
            ++i;
        }
    }
    return wrong == 0;
}

}  // namespace ferrule::test
