// All executions of a program, or as many as the limits allow, and what is to be said about them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "execution.hpp"

namespace ferrule::model {

struct limits {
    std::optional<unsigned> preemptions;
    std::uint64_t executions = std::numeric_limits<std::uint64_t>::max();
};

struct report {
    std::uint64_t executions = 0;  ///< Run to their end.
    std::uint64_t cut_short = 0;   ///< Given up because their rest is part of another execution.
    bool complete = false;         ///< Every behaviour of the model was seen.
    bool stopped = false;          ///< The limit on executions was reached.
    bool reached = false;          ///< The program said that it came to where it looked for.
    std::string failure;           ///< Empty if there was none.
    std::string schedule;          ///< Of the failure: replay() repeats it.
    double seconds = 0;
};

/// Runs `subject` in every way it can run. Stops at the first failure.
[[nodiscard]] report explore(program& subject, hazards may_happen, limits within, sites& orders);

/// One execution, line by line, and what was wrong with it.
struct retelling {
    std::vector<std::string> trace;
    std::string failure;
};

/// Runs `subject` once, by a schedule from a report.
[[nodiscard]] retelling replay(program& subject, hazards may_happen, const std::string& schedule, sites& orders);

}  // namespace ferrule::model
