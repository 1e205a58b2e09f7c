// The depth-first walk over everything that can be chosen: which thread goes next, which message a load reads, which
// place a store takes, whether a thread crashes. Stateless: an execution is repeated from its beginning with the
// recorded choices, then goes on with first choices; next() turns the last choice that has an alternative.
//
// Sleep sets keep it from exploring two orders of steps that commute: a thread whose turn was explored at this point
// sleeps in the alternatives until somebody does something its next step depends on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operation.hpp"

namespace ferrule::model {

using thread_set = std::uint32_t;
using next_steps = std::array<operation, max_threads>;

inline constexpr unsigned nobody = ~0U;

class search {
public:
    /// With a bound on preemptions there are no sleep sets: together they would lose executions within the bound.
    explicit search(std::optional<unsigned> preemptions) noexcept : preemptions_{preemptions} {}

    /// Before each execution.
    void begin() noexcept;
    /// Turns the last choice that has an alternative. Returns false if there is none left.
    [[nodiscard]] bool next();

    /// Whose turn it is, among `enabled`; nobody's, if whatever follows has been seen elsewhere.
    [[nodiscard]] unsigned pick_thread(thread_set enabled, const next_steps& steps);
    /// One of `count` possibilities.
    [[nodiscard]] unsigned pick(unsigned count);

    /// From now on executions follow this string of choices, and go on with first choices.
    void follow(std::string schedule) { follows_ = std::move(schedule); }
    /// The choices of the current execution: a letter for a thread, a figure for everything else.
    [[nodiscard]] std::string schedule() const;

    /// True once a preemption was left out.
    [[nodiscard]] bool cut_off() const noexcept { return cut_off_; }

private:
    struct choice {
        bool is_thread;
        unsigned chosen;
        unsigned count;      ///< Of possibilities, if this is not about a thread.
        thread_set enabled;  ///< Those that may be chosen, if it is.
        thread_set done;     ///< Asleep, or explored here.
    };

    [[nodiscard]] thread_set within_bound(thread_set enabled) noexcept;
    void went(unsigned thread, thread_set enabled, thread_set done, const next_steps& steps) noexcept;
    [[nodiscard]] unsigned followed(char base, unsigned otherwise);

    std::vector<choice> choices_;
    std::size_t position_ = 0;
    std::optional<unsigned> preemptions_;
    unsigned preempted_ = 0;
    unsigned last_ = nobody;
    thread_set asleep_ = 0;
    bool cut_off_ = false;
    std::optional<std::string> follows_;
};

}  // namespace ferrule::model
