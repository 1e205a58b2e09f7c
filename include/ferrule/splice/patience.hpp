// How long one call may wait.
#pragma once

#include <chrono>

namespace ferrule::inline v0::splice {

/// Until a deadline; or, if it has none, as long as the transport has been told. That is asked for when the call is
/// about to sleep for the first time, and counts from then on.
class patience {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    explicit constexpr patience(time_point deadline) noexcept
        : deadline_{deadline}, asked_{deadline != time_point::max()} {}

    /// The call must not wait at all.
    [[nodiscard]] constexpr bool is_none() const noexcept { return deadline_ == time_point::min(); }
    /// Until when it may wait, as far as is known without asking.
    [[nodiscard]] constexpr time_point as_known() const noexcept { return deadline_; }
    /// True if a time will come at which it waits no longer.
    [[nodiscard]] constexpr bool is_bounded() const noexcept { return deadline_ != time_point::max(); }

    /// Until when it may wait. `limit()` is for how long a call without a deadline may; clock::duration::max() for
    /// ever.
    template <class Platform, class Limit>
    [[nodiscard]] time_point deadline(Limit&& limit) noexcept {
        if (!asked_) {
            asked_ = true;
            const clock::duration longest = limit();
            if (longest != clock::duration::max()) {
                deadline_ = Platform::now() + longest;
            }
        }
        return deadline_;
    }

private:
    time_point deadline_;
    bool asked_;
};

}  // namespace ferrule::inline v0::splice
