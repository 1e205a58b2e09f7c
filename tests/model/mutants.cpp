#include "mutants.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "workers.hpp"

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

bool executes(const witness& one, const site& where) {
    return std::any_of(one.executed.begin(), one.executed.end(), [&where](const site& at) { return same(at, where); });
}

std::string killer_of(const weakening& mutant, const std::vector<witness>& quickest_first) {
    for (const witness& one : quickest_first) {
        if (executes(one, mutant.where) && noticed_apart(*one.program, mutant)) {
            return one.program->name;
        }
    }
    return {};
}

std::vector<weakening> all_mutants_of(const sites& orders) {
    std::vector<weakening> all;
    for (const site& one : orders.executed()) {
        for (const weakening& mutant : weakenings_of(one)) {
            all.push_back(mutant);
        }
    }
    return all;
}

}  // namespace

verdict_on_mutants kill_mutants(const std::vector<witness>& witnesses, const sites& orders) {
    std::vector<witness> quickest_first = witnesses;
    std::stable_sort(quickest_first.begin(), quickest_first.end(),
                     [](const witness& a, const witness& b) { return a.seconds < b.seconds; });
    const std::vector<weakening> all = all_mutants_of(orders);
    verdict_on_mutants verdict{0, all.size()};
    std::printf("\nmutants:\n");
    in_parallel(
        all.size(), [&](std::size_t job) { return killer_of(all[job], quickest_first); },
        [&](std::size_t job, const answer& killer) {
            const weakening& mutant = all[job];
            const bool killed = killer && !killer->empty();
            std::printf("  %-8s %-32s %s -> %s: %s\n", killed ? "killed" : "SURVIVED", name_of(mutant.where).c_str(),
                        name_of(mutant.where.order), name_of(mutant.to), killed ? killer->c_str() : "nobody noticed");
            std::fflush(stdout);
            verdict.killed += killed ? 1U : 0U;
            return true;
        });
    return verdict;
}

}  // namespace ferrule::model
