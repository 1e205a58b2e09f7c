// Which end of a ring.
#pragma once

namespace ferrule::inline v0 {

enum class role : unsigned char { producer, consumer };

[[nodiscard]] constexpr role other(role one) noexcept {
    return one == role::producer ? role::consumer : role::producer;
}

}  // namespace ferrule::inline v0
