// Where the two ends run. Figures mean little without it, so it is chosen, held and printed.
#pragma once

#include <sched.h>

#include <cstddef>
#include <vector>

namespace ferrule::bench {

/// The processors this process may use.
[[nodiscard]] inline std::vector<std::size_t> processors() {
    ::cpu_set_t allowed;
    CPU_ZERO(&allowed);
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    std::vector<std::size_t> found;
    for (std::size_t cpu = 0; cpu != CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed)) {
            found.push_back(cpu);
        }
    }
    return found;
}

struct placement {
    std::size_t here;
    std::size_t there;
    [[nodiscard]] bool shared() const noexcept { return here == there; }
};

/// The first two processors there are; the same one twice where there is only one.
/// Worked out at the first call, before anything is pinned.
[[nodiscard]] inline placement two_processors() {
    static const placement chosen = [] {
        const std::vector<std::size_t> found = processors();
        return placement{found.front(), found.size() > 1 ? found[1] : found.front()};
    }();
    return chosen;
}

/// Keeps the calling thread, and those it starts, on the two processors of a placement for as long as it lives.
class only_on {
public:
    explicit only_on(placement where) noexcept {
        ::sched_getaffinity(0, sizeof before_, &before_);
        ::cpu_set_t both;
        CPU_ZERO(&both);
        CPU_SET(where.here, &both);
        CPU_SET(where.there, &both);
        ::sched_setaffinity(0, sizeof both, &both);
    }
    only_on(const only_on&) = delete;
    only_on& operator=(const only_on&) = delete;
    ~only_on() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    ::cpu_set_t before_;
};

/// Keeps the calling thread on `cpu`.
inline void pin_to(std::size_t cpu) noexcept {
    ::cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    ::sched_setaffinity(0, sizeof only, &only);
}

}  // namespace ferrule::bench
