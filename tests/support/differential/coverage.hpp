// Which operation was done in which condition, by which way: what a generator of scripts has really tried.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "driver.hpp"
#include "step.hpp"

namespace ferrule::test {

class coverage {
public:
    void add(std::size_t operation, condition in, splice::route by) noexcept {
        ++counts_[operation][static_cast<std::size_t>(in)][static_cast<std::size_t>(by)];
    }

    /// A row for each operation, a column for each condition; in a cell how often, and by which ways: socket, pairing,
    /// ring, mixed.
    [[nodiscard]] std::string table() const {
        std::ostringstream out;
        out << std::setw(21) << std::left << "" << std::right;
        for (const auto* const name : conditions) {
            out << std::setw(11) << name;
        }
        for (std::size_t operation = 0; operation != operations.size(); ++operation) {
            if (!is_there(operations[operation])) {
                continue;
            }
            out << "\n" << std::setw(21) << std::left << operations[operation].name << std::right;
            for (std::size_t in = 0; in != conditions.size(); ++in) {
                std::uint64_t all = 0;
                std::string ways;
                for (std::size_t by = 0; by != routes; ++by) {
                    all += counts_[operation][in][by];
                    ways += counts_[operation][in][by] != 0 ? "sprm"[by] : '.';
                }
                out << std::setw(11) << (all == 0 ? "-" : std::to_string(all) + " " + ways);
            }
        }
        return out.str();
    }

    /// The cells that should have something in them and have not.
    template <class Reachable>
    [[nodiscard]] std::vector<std::string> missing(Reachable reachable) const {
        std::vector<std::string> cells;
        for (std::size_t operation = 0; operation != operations.size(); ++operation) {
            for (std::size_t in = 0; in != conditions.size(); ++in) {
                for (std::size_t by = 0; by != routes; ++by) {
                    const auto way = static_cast<splice::route>(by);
                    if (counts_[operation][in][by] == 0 && is_there(operations[operation]) &&
                        reachable(operations[operation], static_cast<condition>(in), way)) {
                        cells.push_back(std::string{operations[operation].name} + ", " + conditions[in] + ", " +
                                        std::string{splice::to_string(way)});
                    }
                }
            }
        }
        return cells;
    }

private:
    static constexpr std::size_t routes = 4;
    std::array<std::array<std::array<std::uint64_t, routes>, conditions.size()>, operations.size()> counts_{};
};

}  // namespace ferrule::test
