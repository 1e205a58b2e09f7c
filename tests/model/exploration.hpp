// The exploration of one program of the catalogue, in a process of its own.
#pragma once

#include <string>
#include <vector>

#include "catalogue.hpp"
#include "sites.hpp"
#include "workers.hpp"

namespace ferrule::model {

struct exploration {
    bool died = false;  ///< The process did, and nothing else is known.
    report found;
    std::vector<site> executed;
    std::vector<std::string> trace;  ///< Of the failure, if it was not expected.
};

/// What the process hands back, and what is to be made of it.
[[nodiscard]] std::string explore_apart(const entry& one);
[[nodiscard]] exploration read_exploration(const answer& from);

[[nodiscard]] bool as_expected(const entry& which, const exploration& found) noexcept;

}  // namespace ferrule::model
