// Exploring the catalogue, and saying what came of it.
#pragma once

#include <string_view>

namespace ferrule::model {

struct selection {
    std::string_view filter{};  ///< Of names; everything, with the mutants and the figures, if empty.
    bool quick = false;         ///< Without the programs that take long.
    bool unreduced = false;     ///< Without sleep sets.
};

/// Explores and prints. Returns false if anything is not as it must be.
[[nodiscard]] bool run(const selection& chosen);

/// Explores until a program is not as expected, and prints its name. Returns false if all are.
[[nodiscard]] bool somebody_notices();

}  // namespace ferrule::model
