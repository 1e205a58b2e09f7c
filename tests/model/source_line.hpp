// Where in the source a call is written. std::source_location, for a compiler that does not have it yet.
#pragma once

namespace ferrule::model {

struct source_line {
    const char* file = "";
    unsigned line = 0;

    /// As a default argument: the line of the call that left the argument out.
    [[nodiscard]] static constexpr source_line current(const char* file = __builtin_FILE(),
                                                       unsigned line = __builtin_LINE()) noexcept {
        return {file, line};
    }
};

}  // namespace ferrule::model
