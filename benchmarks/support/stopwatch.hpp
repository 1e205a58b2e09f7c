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

/// How much of a processor the calling thread has used since this was made: 1 if it never stopped.
class processor_share {
public:
    [[nodiscard]] double so_far() const noexcept {
        return (cpu_seconds() - cpu_begun_) / seconds(clock::now() - begun_);
    }

private:
    double cpu_begun_ = cpu_seconds();
    clock::time_point begun_ = clock::now();
};

}  // namespace ferrule::bench
