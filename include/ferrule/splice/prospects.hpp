// What an event loop is told about a direction: whether a call that must not wait would do something, and what to wait
// for if it would not.
#pragma once

#include <chrono>

namespace ferrule::inline v0::splice {

struct prospects {
    using time_point = std::chrono::steady_clock::time_point;

    /// A call would move something by the ring, or has something to tell, whatever the transport says.
    bool now = false;
    /// A call would do what the transport says it can.
    bool by_tcp = false;
    /// The doorbell rings when `now` becomes true; or has rung, and nobody has taken that back since.
    bool rings = false;
    /// If the transport ends, it is the peer that died: then a call has something to tell.
    bool end_is_news = false;
    /// The connection was reset, over a transport that does not show it, and nobody was told yet.
    bool was_reset = false;
    /// From when on a call would do what the transport can, although it does not yet.
    time_point tcp_from = time_point::max();

    [[nodiscard]] friend constexpr bool operator==(const prospects&, const prospects&) noexcept = default;
};

}  // namespace ferrule::inline v0::splice
