// What machine this is, and who else is busy on it.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "stopwatch.hpp"

namespace ferrule::bench {

[[nodiscard]] inline std::string processor_name() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(':') + 2);
        }
    }
    return "unknown processor";
}

/// How many processors others have used since this was made: other programs, interrupts, and other virtual machines as
/// far as they show. Figures of two busy threads on two processors mean little where this is not near 0.
class others {
public:
    [[nodiscard]] double so_far() const {
        const double wall = seconds(clock::now() - begun_);
        return (all_used() - all_begun_ - (own_used() - own_begun_)) / wall;
    }

private:
    /// Processor seconds of everybody, all processors together; of nobody where the kernel does not say.
    [[nodiscard]] static double all_used() {
        std::ifstream file{"/proc/stat"};
        std::string name;
        // user, nice, system, idle, waiting, interrupts of two kinds, stolen
        std::array<double, 8> ticks{};
        file >> name;
        for (double& t : ticks) {
            file >> t;
        }
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) /
               static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    [[nodiscard]] static double own_used() {
        ::rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        const auto in_seconds = [](const ::timeval& t) {
            return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
        };
        return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
    }

    clock::time_point begun_ = clock::now();
    double all_begun_ = all_used();
    double own_begun_ = own_used();
};

}  // namespace ferrule::bench
