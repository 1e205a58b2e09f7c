// Wall time, and the processor time of the calling thread.
#pragma once

#include <chrono>
#include <ctime>

namespace ferrule::bench {

using clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds(clock::duration d) noexcept { return std::chrono::duration<double>(d).count(); }

/// Seconds of processor time the calling thread has used so far.
[[nodiscard]] inline double cpu_seconds() noexcept {
    ::timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace ferrule::bench
