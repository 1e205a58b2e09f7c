// Whether the catalogue notices when the library orders less than it does.
#pragma once

#include "catalogue.hpp"
#include "sites.hpp"

namespace ferrule::model {

/// Weakens every site in `orders`, one at a time, and explores `programs` until one is not as expected any more.
/// Prints who noticed. Returns false if nobody noticed one of them.
[[nodiscard]] bool kill_mutants(const catalogue& programs, const sites& orders);

}  // namespace ferrule::model
