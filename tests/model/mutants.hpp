// Whether the catalogue notices when the library orders less than it does.
#pragma once

#include <cstddef>
#include <vector>

#include "catalogue.hpp"
#include "sites.hpp"

namespace ferrule::model {

/// A program, and what is known of it from its exploration.
struct witness {
    const entry* program;
    std::vector<site> executed;
    double seconds;
};

struct verdict_on_mutants {
    std::size_t killed = 0;
    std::size_t total = 0;
};

/// Weakens every site in `orders`, one at a time, and explores the programs that execute it until one is not as
/// expected any more. Prints who noticed.
[[nodiscard]] verdict_on_mutants kill_mutants(const std::vector<witness>& witnesses, const sites& orders);

}  // namespace ferrule::model
