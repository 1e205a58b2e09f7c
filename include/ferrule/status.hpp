// Why a wait ended, or why a count was 0.
#pragma once

#include <string_view>

namespace ferrule::inline v0 {

enum class status : unsigned char {
    ok,         ///< What was asked for is there; or nothing is wrong, the ring is just full or empty.
    timed_out,  ///< The deadline passed first.
    closed,     ///< The other end (or this one) was closed. What was published before stays readable.
    corrupt,    ///< The peer's cursor made no sense. Final: this end moves nothing any more.
    stalled,    ///< Both ends wait for amounts that can never be there at the same time.
    too_large,  ///< More was asked for than the ring can ever hold. Refused at once.
};

[[nodiscard]] constexpr std::string_view to_string(status s) noexcept {
    switch (s) {
        case status::ok:
            return "ok";
        case status::timed_out:
            return "timed out";
        case status::closed:
            return "closed";
        case status::corrupt:
            return "corrupt";
        case status::stalled:
            return "stalled";
        case status::too_large:
            return "too large";
    }
    return "unknown status";
}

}  // namespace ferrule::inline v0
