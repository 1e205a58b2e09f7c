// Invents scripts: chooses each step for the condition its end is in, so that what is rare by chance is not rare here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "driver.hpp"
#include "step.hpp"

namespace ferrule::test {

class generator {
public:
    explicit generator(std::uint64_t seed) : random_{seed}, left_{5 + below(46)} {}

    [[nodiscard]] std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    [[nodiscard]] connection kind() {
        const auto& all = connections();
        // Half of them over plain IPv4, which is the first.
        return below(2) == 0 ? all.front() : all[below(static_cast<std::uint32_t>(all.size()))];
    }

    /// The next step, while there is one.
    [[nodiscard]] std::optional<step> next(const driver& at) {
        // After many that cannot be taken there is none that can: both may be dead.
        for (int attempts = 0; left_ != 0 && attempts != 1000; ++attempts) {
            step s;
            s.who = static_cast<std::uint8_t>(below(2));
            s.operation = choose(at.of(s.who));
            s.size = s.what().has_size ? size() : 0;
            if (at.can(s)) {
                --left_;
                return s;
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] std::uint8_t choose(condition in) {
        // Whoever closes ends most of what can happen, so that is not done often, and not by everybody.
        for (;;) {
            const auto operation = static_cast<std::uint8_t>(below(static_cast<std::uint32_t>(operations.size())));
            if (below(100) < chance(operations[operation], in)) {
                return operation;
            }
        }
    }
    [[nodiscard]] static std::uint32_t chance(const operation& o, condition in) {
        const bool ends = in <= condition::peer_finished;
        switch (o.verb) {
            case verb::send:
                return o.manner == manner::waiting ? 60 : o.manner == manner::dontwait ? 90 : 30;
            case verb::recv:
                return o.manner <= manner::dontwait ? 80 : o.manner == manner::timed ? 1 : 15;
            case verb::available:
            case verb::error:
                return 6;
            case verb::poll:
                return 25;
            case verb::fill:
                return 5;
            case verb::drain:
                return 12;
            case verb::shutdown:
                return ends ? 6 : 3;
            case verb::close:
                return ends ? 8 : 2;
            case verb::abort:
            case verb::die:
                return ends ? 4 : 1;
        }
        return 0;
    }
    [[nodiscard]] std::uint32_t size() {
        switch (below(4)) {
            case 0:
                return below(3);
            case 1:
                return 1 + below(20);
            case 2:
                return 1 + below(300);
            default:
                return 1 + below(4000);
        }
    }

    std::mt19937_64 random_;
    std::uint32_t left_;
};

}  // namespace ferrule::test
