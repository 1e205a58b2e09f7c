// What this process holds of the kernel's, so that a test can say that it holds no more than before.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>

namespace ferrule::test {

struct held {
    std::size_t descriptors = 0;
    std::size_t shared_bytes = 0;  // Mapped. The kernel merges neighbours, so their number tells nothing.
    std::size_t threads = 0;
    bool operator==(const held&) const = default;

    friend std::ostream& operator<<(std::ostream& to, const held& all) {
        return to << all.descriptors << " descriptors, " << all.shared_bytes << " bytes mapped, " << all.threads
                  << " threads";
    }
};

[[nodiscard]] inline std::size_t entries(const char* directory) {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{directory}) {
        ++n;
    }
    return n;
}

[[nodiscard]] inline held holds() {
    held all;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        const auto rights = line.find(' ') + 1;
        if (line.size() > rights + 3 && line[rights + 3] == 's') {
            std::size_t used = 0;
            const auto from = std::stoull(line, &used, 16);
            all.shared_bytes += std::stoull(line.substr(used + 1), nullptr, 16) - from;
        }
    }
    all.threads = entries("/proc/self/task");
    all.descriptors = entries("/proc/self/fd");
    return all;
}

}  // namespace ferrule::test
