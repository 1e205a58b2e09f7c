// What machine this is.
#pragma once

#include <fstream>
#include <string>

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

}  // namespace ferrule::bench
