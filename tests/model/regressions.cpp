#include "regressions.hpp"

#include <algorithm>
#include <cstdio>

#include "workers.hpp"

namespace ferrule::model {

std::size_t replay_regressions(const catalogue& programs) {
    std::size_t held = 0;
    in_parallel(
        regressions.size(),
        [&programs](std::size_t job) -> std::string {
            const regression& one = regressions[job];
            const auto found = std::find_if(programs.begin(), programs.end(),
                                            [&one](const entry& program) { return program.name == one.program; });
            if (found == programs.end()) {
                return "no such program";
            }
            sites orders;
            return replay(*found->make(), found->may_happen, one.schedule, orders).failure;
        },
        [&held](std::size_t job, const answer& failure) {
            const bool holds = failure && failure->empty();
            if (!holds) {
                std::printf("  FAILS AGAIN: %s (%s): %s\n", regressions[job].program, regressions[job].why,
                            failure ? failure->c_str() : "its process died");
            }
            held += holds ? 1U : 0U;
            return true;
        });
    return held;
}

}  // namespace ferrule::model
