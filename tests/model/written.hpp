// The orders that are written in the library's headers, found in their text: each must be executed by some program, or
// nothing is known about it.
#pragma once

#include <string>
#include <vector>

#include "sites.hpp"

namespace ferrule::model {

/// One order or fence in a header.
struct written_order {
    std::string file;  ///< Below include/, as in an #include.
    unsigned line;
    std::string what;  ///< "acquire", "full_fence", ...
};

/// All of them, in the order of the source, but those behind the platform seam: of the native platform, and of headers
/// that only it includes.
[[nodiscard]] std::vector<written_order> orders_written(const std::string& include_folder);

[[nodiscard]] bool was_executed(const written_order& one, const std::vector<site>& executed);

}  // namespace ferrule::model
