// How a benchmark fails: at once, with a reason, and with an exit code that is noticed.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ferrule::bench {

/// Says what went wrong, with the reason in errno, and ends the program.
[[noreturn]] inline void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

}  // namespace ferrule::bench
