// The baseline: look at the peer's cursor at every call, publish the own one at every call.
#pragma once

#include <cstdint>

namespace ferrule::inline v0::cursor {

struct direct {
    [[nodiscard]] static constexpr bool enough(std::uint64_t /*remembered*/, std::uint64_t /*wanted*/) noexcept {
        return false;
    }
    [[nodiscard]] static constexpr bool publish_now(std::uint64_t /*unpublished*/) noexcept { return true; }
};

}  // namespace ferrule::inline v0::cursor
