// Every program the runner explores: what it is called, how to make it, and how it must end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "explore.hpp"
#include "program.hpp"

namespace ferrule::model {

enum class expectation {
    holds,          ///< No execution fails.
    reachable,      ///< Some execution comes to what the program looks for, and none fails.
    unreachable,    ///< No execution does, and none fails.
    races,          ///< Some execution has a data race.
    blocks,         ///< In some execution everybody waits.
    known_to_fail,  ///< It should hold and does not yet: a known defect of the library, to be explained where it is
                    ///< added.
};

struct entry {
    std::string name;
    expectation ends;
    std::function<std::unique_ptr<program>()> make;
    hazards may_happen{};
    limits within{};
    bool takes_long = false;  ///< More than a second or two: left out of a quick run.
};

template <class State>
[[nodiscard]] entry entry_for(std::string name, expectation ends, hazards may_happen = {}, limits within = {},
                              bool takes_long = false) {
    return {std::move(name), ends,   [] { return std::make_unique<program_of<State>>(); },
            may_happen,      within, takes_long};
}

using catalogue = std::vector<entry>;

/// All that this program was built with.
[[nodiscard]] catalogue everything();

// Each in a file of its own. The mutants are run against all but the litmus tests.
void add_litmus(catalogue& to);
void add_elements(catalogue& to);
void add_streams(catalogue& to);
void add_grants(catalogue& to);
void add_closing(catalogue& to);
void add_hand_over(catalogue& to);
void add_guards(catalogue& to);
void add_crashes(catalogue& to);
void add_hostile(catalogue& to);
void add_waiting(catalogue& to);
void add_spinning(catalogue& to);
void add_events(catalogue& to);
void add_stalls(catalogue& to);
void add_deadlines(catalogue& to);
void add_bursts(catalogue& to);
void add_ledger(catalogue& to);
void add_splice(catalogue& to);

/// True if this is how the entry must end.
[[nodiscard]] bool as_expected(const entry& which, const report& found) noexcept;

}  // namespace ferrule::model
