// Look at the peer's cursor only when what is remembered of it does not suffice. The peer's cache line then moves
// once per ringful instead of once per call.
#pragma once

#include <cstdint>

namespace ferrule::inline v0::cursor {

struct cached {
    [[nodiscard]] static constexpr bool enough(std::uint64_t remembered, std::uint64_t wanted) noexcept {
        return remembered >= wanted;
    }
    [[nodiscard]] static constexpr bool publish_now(std::uint64_t /*unpublished*/) noexcept { return true; }
};

}  // namespace ferrule::inline v0::cursor
