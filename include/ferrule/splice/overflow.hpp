// What a writer does when the ring is full and the reader does not come.
#pragma once

#include <algorithm>
#include <chrono>

namespace ferrule::inline v0::splice {

/// A choice of three. Whichever it is: once bytes have gone by TCP, the writer comes back to the ring when the reader
/// has taken them, and waits for that as long as the reader makes progress.
class overflow {
public:
    using duration = std::chrono::steady_clock::duration;

    /// Waits for room, as long as it takes. Two programs that both write more than a ring before they read wait for
    /// each other for ever.
    [[nodiscard]] static constexpr overflow never() noexcept { return overflow{duration::max()}; }
    /// Goes by TCP at once, so that a send is accepted wherever TCP would have accepted it.
    [[nodiscard]] static constexpr overflow on_full() noexcept { return overflow{duration::zero()}; }
    /// Waits until the reader has not moved for `that_long`, then goes by TCP. The default.
    [[nodiscard]] static constexpr overflow on_stall(duration that_long = std::chrono::milliseconds{5}) noexcept {
        return overflow{std::clamp<duration>(that_long, duration::zero(), std::chrono::hours{24})};
    }

    [[nodiscard]] constexpr bool spills() const noexcept { return spill_after_ != duration::max(); }
    /// How long a reader may stand still before bytes go by TCP although the ring is open.
    [[nodiscard]] constexpr duration spill_after() const noexcept { return spill_after_; }
    /// How long it may stand still, once some did, before more do.
    [[nodiscard]] constexpr duration feed_after() const noexcept {
        return std::clamp<duration>(spill_after_, std::chrono::milliseconds{1}, std::chrono::milliseconds{100});
    }

    [[nodiscard]] friend constexpr bool operator==(overflow, overflow) noexcept = default;

private:
    constexpr explicit overflow(duration spill_after) noexcept : spill_after_{spill_after} {}
    duration spill_after_;
};

}  // namespace ferrule::inline v0::splice
