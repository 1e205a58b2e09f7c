// What a thread is about to do, as far as the search has to know it: which other operations it commutes with.
#pragma once

#include <array>
#include <cstdint>

#include "memory.hpp"

namespace ferrule::model {

inline constexpr location nowhere = max_locations;

enum class effect : unsigned char { none, reads, writes };

struct operation {
    const char* name = "";
    location where = nowhere;
    effect does = effect::none;
    /// Takes part in the one order of sequentially consistent fences.
    bool agrees = false;
    /// Changes what every thread has seen.
    bool on_everybody = false;
    /// Draws on a budget that the whole run shares.
    bool from_budget = false;
    /// Where a crash of this thread at this point would be seen.
    location death = nowhere;
};

/// True unless the two lead to the same state, with the same choices open, in either order.
[[nodiscard]] constexpr bool dependent(const operation& a, const operation& b) noexcept {
    if (a.on_everybody || b.on_everybody || (a.agrees && b.agrees) || (a.from_budget && b.from_budget)) {
        return true;
    }
    if (a.where != nowhere && a.where == b.where && (a.does == effect::writes || b.does == effect::writes)) {
        return true;
    }
    return a.death != nowhere ? a.death == b.where || b.death != nowhere : b.death != nowhere && b.death == a.where;
}

}  // namespace ferrule::model
