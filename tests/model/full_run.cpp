#include "full_run.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "exploration.hpp"
#include "figures.hpp"
#include "mutants.hpp"
#include "regressions.hpp"
#include "workers.hpp"
#include "written.hpp"

namespace ferrule::model {
namespace {

using count = unsigned long long;

bool is_litmus(const entry& one) { return one.name.rfind("litmus/", 0) == 0; }

std::string extent(const entry& one, const report& found) {
    if (found.complete) {
        return "complete";
    }
    if (found.stopped) {
        return "stopped at the limit";
    }
    if (!found.failure.empty()) {
        return "first failure";
    }
    return "bounded at " + std::to_string(one.within.preemptions.value_or(0)) + " preemptions";
}

const char* outcome(const entry& one, const report& found) {
    switch (one.ends) {
        case expectation::reachable:
        case expectation::unreachable:
            return found.reached ? "reachable" : "not reachable";
        case expectation::holds:
        case expectation::known_to_fail:
            return found.failure.empty() ? "holds" : "fails";
        case expectation::races:
            return found.failure.empty() ? "no race" : "races";
        case expectation::blocks:
            return found.failure.empty() ? "ends" : "blocks";
    }
    return "?";
}

void print_failure(const entry& one, const exploration& what) {
    if (what.died) {
        std::printf("     its process died\n");
        return;
    }
    if (what.found.failure.empty()) {
        return;
    }
    std::printf("     %s\n     --replay '%s' %s\n", what.found.failure.c_str(), one.name.c_str(),
                what.found.schedule.c_str());
    constexpr std::size_t most = 40;
    for (std::size_t i = what.trace.size() > most ? what.trace.size() - most : 0; i != what.trace.size(); ++i) {
        std::printf("     %s\n", what.trace[i].c_str());
    }
}

void print(const entry& one, const exploration& what) {
    const report& found = what.found;
    const bool right = as_expected(one, what);
    std::printf("%-4s %-62s %9llu executions, %9llu cut short, %6.2f s  %-14s %s\n", right ? "ok" : "FAIL",
                one.name.c_str(), static_cast<count>(found.executions), static_cast<count>(found.cut_short),
                found.seconds, outcome(one, found), extent(one, found).c_str());
    if (!right) {
        print_failure(one, what);
    }
    std::fflush(stdout);
}

catalogue chosen_from(catalogue all, const selection& chosen) {
    std::erase_if(all, [&chosen](const entry& one) {
        return one.name.find(chosen.filter) == std::string::npos || (chosen.quick && one.takes_long);
    });
    for (entry& one : all) {
        if (chosen.unreduced) {
            one.within.preemptions = ~0U;  // No schedule has as many, and no sleep sets go with a bound.
        }
    }
    return all;
}

struct results {
    figures reached;
    std::size_t unexpected = 0;
    std::size_t litmus_programs = 0;
    std::size_t known_defects = 0;
    sites orders;
    std::vector<witness> witnesses;
};

void count_in(results& all, const entry& one, exploration what) {
    const bool right = as_expected(one, what);
    all.unexpected += right ? 0U : 1U;
    ++all.reached.programs;
    all.reached.complete += what.found.complete || (right && !what.found.failure.empty()) ? 1U : 0U;
    all.reached.executions += what.found.executions;
    if (is_litmus(one)) {
        ++all.litmus_programs;
        all.reached.litmus += right ? 1U : 0U;
    } else {
        all.orders.add(what.executed);
        if (one.ends == expectation::known_to_fail) {
            ++all.known_defects;
            return;
        }
        all.witnesses.push_back({&one, std::move(what.executed), what.found.seconds});
    }
}

results explore_all(const catalogue& programs) {
    results all;
    in_parallel(
        programs.size(), [&programs](std::size_t job) { return explore_apart(programs[job]); },
        [&](std::size_t job, const answer& said) {
            exploration what = read_exploration(said);
            print(programs[job], what);
            count_in(all, programs[job], std::move(what));
            return true;
        });
    return all;
}

void list_orders(const sites& orders) {
    std::printf("\norders executed by the library's threads:\n");
    for (const site& one : orders.executed()) {
        std::printf("  %-32s %s\n", name_of(one).c_str(), name_of(one.order));
    }
}

struct of_the_written {
    std::size_t executed = 0;
    std::size_t total = 0;
};

of_the_written list_missing(const sites& orders) {
    const std::vector<site> executed = orders.executed();
    const std::vector<written_order> written = orders_written(FERRULE_MODEL_INCLUDE);
    of_the_written result{0, written.size()};
    for (const written_order& one : written) {
        if (was_executed(one, executed)) {
            ++result.executed;
        } else {
            std::printf("  NEVER EXECUTED: %s:%u %s\n", one.file.c_str(), one.line, one.what.c_str());
        }
    }
    return result;
}

bool dropped(const char* what, count now, count floor) {
    if (now < floor) {
        std::printf("  %s: %llu, and it was at least %llu\n", what, now, floor);
    }
    return now < floor;
}

bool any_dropped(const figures& now) {
    bool any = dropped("programs", now.programs, floors.programs);
    any = dropped("complete programs", now.complete, floors.complete) || any;
    any = dropped("executions", now.executions, floors.executions) || any;
    any = dropped("litmus verdicts", now.litmus, floors.litmus) || any;
    any = dropped("orders executed", now.orders, floors.orders) || any;
    return dropped("mutants killed", now.mutants, floors.mutants) || any;
}

bool judge(results& all, const catalogue& programs) {
    list_orders(all.orders);
    const of_the_written written = list_missing(all.orders);
    verdict_on_mutants mutants;
    if (all.unexpected == 0) {
        mutants = kill_mutants(all.witnesses, all.orders);
    }
    const std::size_t held = replay_regressions(programs);
    all.reached.orders = written.executed;
    all.reached.mutants = mutants.killed;
    const figures& now = all.reached;
    std::printf("\nprograms: %zu, %zu of them not as expected, %zu with a known defect\n", now.programs, all.unexpected,
                all.known_defects);
    std::printf("executions: %llu; complete: %zu programs, bounded: %zu\n", static_cast<count>(now.executions),
                now.complete, now.programs - now.complete);
    std::printf("litmus verdicts as known: %zu/%zu\n", now.litmus, all.litmus_programs);
    std::printf("orders in include/: %zu, executed: %zu\n", written.total, written.executed);
    std::printf("mutants killed: %zu/%zu\n", mutants.killed, mutants.total);
    std::printf("regressions that hold: %zu/%zu\n", held, regressions.size());
    const bool fell = any_dropped(now);
    const bool good = all.unexpected == 0 && held == regressions.size() && written.executed == written.total &&
                      mutants.killed == mutants.total && !fell;
    std::printf("model: %s\n", good ? "ok" : "NOT OK");
    return good;
}

}  // namespace

bool run(const selection& chosen) {
    const catalogue programs = chosen_from(everything(), chosen);
    if (programs.empty()) {
        std::printf("no program's name contains %s\n", std::string{chosen.filter}.c_str());
        return false;
    }
    std::printf(
        "model: promise-free view machine (RC11 without load buffering); a seq_cst access is a fence and an "
        "access;\n       a compiler's reordering is outside of it\n\n");
    results all = explore_all(programs);
    const bool everything_ran = chosen.filter.empty() && !chosen.quick && !chosen.unreduced;
    return everything_ran ? judge(all, programs) : all.unexpected == 0;
}

bool somebody_notices() {
    const catalogue programs = chosen_from(everything(), {.quick = true});
    const entry* witness = nullptr;
    in_parallel(
        programs.size(), [&](std::size_t job) { return explore_apart(programs[job]); },
        [&](std::size_t job, const answer& said) {
            witness = as_expected(programs[job], read_exploration(said)) ? nullptr : &programs[job];
            return witness == nullptr;
        });
    std::printf("%s\n", witness != nullptr ? witness->name.c_str() : "nobody noticed");
    return witness != nullptr;
}

}  // namespace ferrule::model
