#include "explore.hpp"

#include <chrono>

namespace ferrule::model {

report explore(program& subject, hazards may_happen, limits within, sites& orders) {
    const auto begun = std::chrono::steady_clock::now();
    search choices{within.preemptions};
    execution runs{subject, choices, orders, may_happen};
    report found;
    bool more = true;
    while (more && found.failure.empty() && !found.stopped) {
        switch (runs.run()) {
            case ending::complete:
                ++found.executions;
                break;
            case ending::redundant:
                ++found.cut_short;
                break;
            case ending::failed:
                found.failure = runs.failure();
                found.schedule = choices.schedule();
                break;
        }
        found.stopped = found.executions + found.cut_short >= within.executions;
        more = choices.next();
    }
    found.stopped = found.stopped && more;
    found.complete = !more && !choices.cut_off() && found.failure.empty();
    found.reached = runs.was_reached();
    found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    return found;
}

retelling replay(program& subject, hazards may_happen, const std::string& schedule, sites& orders) {
    search choices{std::nullopt};
    choices.follow(schedule);
    execution run{subject, choices, orders, may_happen};
    retelling told;
    run.record(&told.trace);
    if (run.run() == ending::failed) {
        told.failure = run.failure();
        told.trace.push_back("  " + told.failure);
    }
    return told;
}

}  // namespace ferrule::model
