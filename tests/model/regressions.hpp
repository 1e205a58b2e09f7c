// Schedules that failed once, of bugs that are gone. A schedule says something only for as long as the program takes
// the same steps, so each bug also has a mutant in mutants/ that brings it back: that is what keeps it away. The
// schedule is kept because it costs nothing and finds the very same bug first.
#pragma once

#include <array>

#include "catalogue.hpp"

namespace ferrule::model {

struct regression {
    const char* program;
    const char* schedule;
    const char* mutant;
    const char* why;
};

inline constexpr std::array regressions{
    regression{"waiting/2 through 1, cached, asymmetric", "AAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBAAA",
               "no_look_after_a_stall", "a peer that had served us and then gone to sleep was taken for a stall"},
    regression{"guards/two wait in one end for 1 and for 2, asymmetric", "AABBBBBBBBBBBBBBBBBACCCC0CCCCCCCCCCCCCA",
               "passed_siblings_not_called",
               "a sleeper whose position was just passed was hidden by the announcement of another in its end"},
};

/// Replays them all, and prints which of them fail again. Returns how many do not.
[[nodiscard]] std::size_t replay_regressions(const catalogue& programs);

}  // namespace ferrule::model
