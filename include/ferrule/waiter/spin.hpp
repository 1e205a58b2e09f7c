// Busy-polling: look, pause, look again, for a budget; then give the processor away once, and begin anew.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/concepts.hpp>
#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::waiter {

template <std::uint32_t Microseconds>
struct spin {
    static constexpr bool can_wait = true;
    static constexpr std::chrono::microseconds budget{Microseconds};

    template <class Platform, class Look>
    [[nodiscard]] polled poll(Look&& look, std::uint64_t want,
                              std::chrono::steady_clock::time_point deadline) noexcept {
        if (look() >= want) {
            return polled::enough;
        }
        const auto begun = Platform::now();
        for (auto now = begun; now - begun < budget; now = Platform::now()) {
            if (now >= deadline) {
                return polled::expired;
            }
            for (int i = 0; i != looks_per_clock_reading; ++i) {
                Platform::pause();
                if (look() >= want) {
                    return polled::enough;
                }
            }
        }
        return polled::spent;
    }

    /// Ends by itself, so nobody has to wake it.
    template <class Platform>
    void park(std::chrono::steady_clock::time_point /*deadline*/) noexcept {
        Platform::yield();
    }

private:
    // A clock reading costs as much as several looks; a deadline is overrun by these few at most.
    static constexpr int looks_per_clock_reading = 16;
};

}  // namespace ferrule::inline v0::waiter
