// ferrule-model: explores every program of the catalogue, lists the orders the library executed in them and those it
// did not, then weakens these one at a time and expects some program to notice.
//
//   ferrule-model                        everything; fails when one of its figures has dropped, too
//   ferrule-model FILTER [--quick]       programs whose name contains FILTER; --quick leaves out the long ones
//   ferrule-model FILTER --unreduced     the same without sleep sets: must come to the same verdicts
//   ferrule-model --noticed              names a program that is not as expected: for a library that was tampered with
//   ferrule-model --replay NAME SCHEDULE one execution, line by line
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "catalogue.hpp"
#include "execution.hpp"
#include "full_run.hpp"

namespace ferrule::model {
namespace {

// What the library says before it stops the program would be said once per execution.
void be_quiet() {
    const int nowhere_at_all = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere_at_all, STDERR_FILENO);
    ::close(nowhere_at_all);
}

void on_abort(int /*signal*/) { here().stop(); }

// The handler never returns: it leaves the fiber. Hence the signal must not stay blocked.
void catch_stops() {
    struct sigaction action {};
    action.sa_handler = on_abort;
    action.sa_flags = SA_NODEFER;
    ::sigaction(SIGABRT, &action, nullptr);
    be_quiet();
}

int replay_one(std::string_view name, const char* schedule) {
    for (const entry& one : everything()) {
        if (one.name == name) {
            sites orders;
            for (const std::string& line : replay(*one.make(), one.may_happen, schedule, orders).trace) {
                std::printf("%s\n", line.c_str());
            }
            return 0;
        }
    }
    std::printf("no program is called %.*s\n", static_cast<int>(name.size()), name.data());
    return 2;
}

}  // namespace
}  // namespace ferrule::model

int main(int argc, char** argv) {
    using namespace ferrule::model;
    catch_stops();
    selection chosen;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--replay" && i + 2 < argc) {
            return replay_one(argv[i + 1], argv[i + 2]);
        }
        if (argument == "--noticed") {
            return somebody_notices() ? 0 : 1;
        }
        if (argument == "--unreduced") {
            chosen.unreduced = true;
        } else if (argument == "--quick") {
            chosen.quick = true;
        } else {
            chosen.filter = argument;
        }
    }
    return run(chosen) ? 0 : 1;
}
