// A deadline as calls want it that take the time from now.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace ferrule::inline v0::detail {

class rest_until {
public:
    explicit rest_until(std::chrono::steady_clock::time_point deadline) noexcept
        : bounded_{deadline != std::chrono::steady_clock::time_point::max()} {
        if (bounded_) {
            const auto left =
                std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now())
                    .count();
            rest_.tv_sec = std::max<std::int64_t>(left, 0) / 1'000'000'000;
            rest_.tv_nsec = std::max<std::int64_t>(left, 0) % 1'000'000'000;
        }
    }

    /// Null where there is no deadline.
    [[nodiscard]] const ::timespec* get() const noexcept { return bounded_ ? &rest_ : nullptr; }

private:
    bool bounded_;
    ::timespec rest_{};
};

}  // namespace ferrule::inline v0::detail
