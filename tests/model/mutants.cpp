#include "mutants.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace ferrule::model {
namespace {

bool noticed(const entry& one, const weakening& mutant) {
    sites orders;
    orders.weaken(&mutant);
    const auto subject = one.make();
    return !as_expected(one, explore(*subject, one.may_happen, one.within, orders));
}

// In a process of its own: a weakened library may well run into one of its own checks, which abort.
bool noticed_apart(const entry& one, const weakening& mutant) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(noticed(one, mutant) ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

const entry* killer_of(const weakening& mutant, const catalogue& programs) {
    for (const entry& one : programs) {
        if (noticed_apart(one, mutant)) {
            return &one;
        }
    }
    return nullptr;
}

}  // namespace

bool kill_mutants(const catalogue& programs, const sites& orders) {
    std::printf("\nmutants:\n");
    unsigned killed = 0;
    unsigned total = 0;
    for (const site& one : orders.executed()) {
        for (const weakening& mutant : weakenings_of(one)) {
            ++total;
            const entry* const killer = killer_of(mutant, programs);
            std::printf("  %-8s %-32s %s -> %s: %s\n", killer != nullptr ? "killed" : "SURVIVED", name_of(one).c_str(),
                        name_of(one.order), name_of(mutant.to),
                        killer != nullptr ? killer->name.c_str() : "nobody noticed");
            std::fflush(stdout);
            killed += killer != nullptr ? 1U : 0U;
        }
    }
    std::printf("killed %u of %u\n", killed, total);
    return killed == total;
}

}  // namespace ferrule::model
