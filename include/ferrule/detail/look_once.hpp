// How a waiter polls that would rather sleep.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/concepts.hpp>

namespace ferrule::inline v0::detail {

/// One look, and one reading of the clock if it was in vain.
template <class Platform, class Look>
[[nodiscard]] polled look_once(Look&& look, std::uint64_t want,
                               std::chrono::steady_clock::time_point deadline) noexcept {
    if (look() >= want) {
        return polled::enough;
    }
    return Platform::now() >= deadline ? polled::expired : polled::spent;
}

}  // namespace ferrule::inline v0::detail
