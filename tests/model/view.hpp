// What a thread, or a message, knows: how new a message it has seen of every location, and what happened before it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ferrule::model {

inline constexpr std::size_t max_locations = 112;
/// The threads of a program, and one for what runs before and after them.
inline constexpr std::size_t max_threads = 5;

using timestamp = std::uint32_t;

/// How many locations the program under way has.
inline std::size_t locations_used = 0;

struct view {
    std::array<timestamp, max_locations> seen{};
    /// Vector clock. Carried only by what synchronises, so not by the view that sequentially consistent fences share.
    std::array<std::uint32_t, max_threads> clock{};

    void join_seen(const view& other) noexcept {
        for (std::size_t i = 0; i < locations_used; ++i) {
            seen[i] = std::max(seen[i], other.seen[i]);
        }
    }
    void join(const view& other) noexcept {
        join_seen(other);
        for (std::size_t i = 0; i != max_threads; ++i) {
            clock[i] = std::max(clock[i], other.clock[i]);
        }
    }
};

}  // namespace ferrule::model
