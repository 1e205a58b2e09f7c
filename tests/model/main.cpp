// ferrule-model: explores every program of the catalogue, lists the orders the library executed in them, then weakens
// these one at a time and expects some program to notice.
//
//   ferrule-model [FILTER] [--mutants on|off]    programs whose name contains FILTER
//   ferrule-model [FILTER] --unreduced           the same without sleep sets: must come to the same verdicts
//   ferrule-model --replay NAME SCHEDULE         one execution, line by line
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "catalogue.hpp"
#include "mutants.hpp"
#include "platform.hpp"
#include "sites.hpp"

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

catalogue everything() {
    catalogue all;
    add_litmus(all);
    add_elements(all);
    add_streams(all);
    add_grants(all);
    add_closing(all);
    add_hand_over(all);
    add_guards(all);
    add_crashes(all);
    add_hostile(all);
    add_waiting(all);
    return all;
}

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
            return found.failure.empty() ? "holds" : "fails";
        case expectation::races:
            return found.failure.empty() ? "no race" : "races";
        case expectation::blocks:
            return found.failure.empty() ? "ends" : "blocks";
    }
    return "?";
}

void print_end_of(const std::vector<std::string>& trace) {
    constexpr std::size_t most = 40;
    for (std::size_t i = trace.size() > most ? trace.size() - most : 0; i != trace.size(); ++i) {
        std::printf("     %s\n", trace[i].c_str());
    }
}

bool explore_one(const entry& one, sites& orders) {
    const auto subject = one.make();
    const report found = explore(*subject, one.may_happen, one.within, orders);
    const bool right = as_expected(one, found);
    std::printf("%-4s %-58s %9llu executions, %9llu cut short, %6.2f s  %-14s %s\n", right ? "ok" : "FAIL",
                one.name.c_str(), static_cast<unsigned long long>(found.executions),
                static_cast<unsigned long long>(found.cut_short), found.seconds, outcome(one, found),
                extent(one, found).c_str());
    if (!right && !found.failure.empty()) {
        std::printf("     %s\n     --replay '%s' %s\n", found.failure.c_str(), one.name.c_str(),
                    found.schedule.c_str());
        print_end_of(replay(*one.make(), one.may_happen, found.schedule, orders));
    }
    std::fflush(stdout);
    return right;
}

int replay_one(std::string_view name, const char* schedule) {
    for (const entry& one : everything()) {
        if (one.name == name) {
            sites orders;
            for (const std::string& line : replay(*one.make(), one.may_happen, schedule, orders)) {
                std::printf("%s\n", line.c_str());
            }
            return 0;
        }
    }
    std::printf("no program is called %.*s\n", static_cast<int>(name.size()), name.data());
    return 2;
}

void list_orders(const sites& orders) {
    std::printf("\norders executed by the library's threads:\n");
    for (const site& one : orders.executed()) {
        std::printf("  %-32s %s\n", name_of(one).c_str(), name_of(one.order));
    }
}

int run(std::string_view filter, bool with_mutants, bool unreduced) {
    std::printf(
        "model: promise-free view machine (RC11 without load buffering); a seq_cst access is a fence and an "
        "access;\n       a compiler's reordering is outside of it\n\n");
    sites litmus_orders;
    sites orders;
    catalogue chosen;
    bool good = true;
    unsigned count = 0;
    for (entry one : everything()) {
        if (one.name.find(filter) != std::string::npos) {
            ++count;
            if (unreduced) {
                one.within.preemptions = ~0U;  // No schedule has as many, and no sleep sets go with a bound.
            }
            good = explore_one(one, is_litmus(one) ? litmus_orders : orders) && good;
            if (!is_litmus(one)) {
                chosen.push_back(one);
            }
        }
    }
    if (count == 0) {
        std::printf("no program's name contains %.*s\n", static_cast<int>(filter.size()), filter.data());
        return 2;
    }
    if (!chosen.empty()) {
        list_orders(orders);
    }
    if (good && with_mutants && !chosen.empty()) {
        good = kill_mutants(chosen, orders);
    }
    return good ? 0 : 1;
}

}  // namespace
}  // namespace ferrule::model

int main(int argc, char** argv) {
    ferrule::model::catch_stops();
    std::string_view filter;
    bool with_mutants = true;
    bool unreduced = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--replay" && i + 2 < argc) {
            return ferrule::model::replay_one(argv[i + 1], argv[i + 2]);
        }
        if (argument == "--mutants" && i + 1 < argc) {
            with_mutants = std::string_view{argv[++i]} == "on";
        } else if (argument == "--unreduced") {
            unreduced = true;
        } else {
            filter = argument;
        }
    }
    return ferrule::model::run(filter, with_mutants && filter.empty(), unreduced);
}
