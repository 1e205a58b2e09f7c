#include "exploration.hpp"

#include <cstdint>
#include <sstream>

namespace ferrule::model {
namespace {

// One line each, so that they come back the same.
void put(std::ostream& to, const std::string& line) { to << line << '\n'; }

std::string next_line(std::istream& from) {
    std::string line;
    std::getline(from, line);
    return line;
}

void put(std::ostream& to, const site& one) {
    // The name of the file is a literal: it has the same address in the process that forked this one.
    to << static_cast<unsigned>(one.kind) << ' ' << static_cast<unsigned>(one.order) << ' '
       << reinterpret_cast<std::uintptr_t>(one.at.file) << ' ' << one.at.line << '\n';
}

site next_site(std::istream& from) {
    unsigned kind = 0;
    unsigned order = 0;
    std::uintptr_t file = 0;
    unsigned line = 0;
    from >> kind >> order >> file >> line;
    return {static_cast<site_kind>(kind),
            static_cast<std::memory_order>(order),
            {reinterpret_cast<const char*>(file), line}};
}

}  // namespace

std::string explore_apart(const entry& one) {
    sites orders;
    const auto subject = one.make();
    const report found = explore(*subject, one.may_happen, one.within, orders);
    std::vector<std::string> trace;
    if (!as_expected(one, found) && !found.failure.empty()) {
        trace = replay(*one.make(), one.may_happen, found.schedule, orders).trace;
    }
    const std::vector<site> executed = orders.executed();
    std::ostringstream all;
    all << found.executions << ' ' << found.cut_short << ' ' << found.complete << ' ' << found.stopped << ' '
        << found.reached << ' ' << found.seconds << ' ' << executed.size() << ' ' << trace.size() << '\n';
    put(all, found.failure);
    put(all, found.schedule);
    for (const std::string& line : trace) {
        put(all, line);
    }
    for (const site& at : executed) {
        put(all, at);
    }
    return all.str();
}

exploration read_exploration(const answer& from) {
    exploration result;
    if (!from) {
        result.died = true;
        return result;
    }
    std::istringstream all{*from};
    report& found = result.found;
    std::size_t sites = 0;
    std::size_t lines = 0;
    all >> found.executions >> found.cut_short >> found.complete >> found.stopped >> found.reached >> found.seconds >>
        sites >> lines;
    (void)next_line(all);
    found.failure = next_line(all);
    found.schedule = next_line(all);
    while (lines-- != 0) {
        result.trace.push_back(next_line(all));
    }
    while (sites-- != 0) {
        result.executed.push_back(next_site(all));
    }
    return result;
}

bool as_expected(const entry& which, const exploration& found) noexcept {
    return !found.died && as_expected(which, found.found);
}

}  // namespace ferrule::model
