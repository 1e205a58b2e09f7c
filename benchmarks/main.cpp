// Asks every question of every contender, round after round, and prints a table; or leaves it all to Google Benchmark
// when one of its own formats is asked for.
//
// A round asks each benchmark once, in the order of the table: whoever is compared is a fraction of a second apart.
#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/pin.hpp"
#include "support/processor.hpp"
#include "support/table.hpp"

namespace {

using namespace ferrule::bench;

constexpr std::string_view usage =
    "ferrule-bench [--rounds=15] [--benchmark_filter=<regex>] [--benchmark_min_time=0.05]\n"
    "              prints tables\n"
    "ferrule-bench --benchmark_format=<console|json|csv> [--benchmark_repetitions=15] ...\n"
    "              prints what Google Benchmark prints; so do --benchmark_out and --benchmark_list_tests\n";

/// The value of `--name=value`, taken out of the arguments; or else `otherwise`.
std::size_t take_number(std::vector<char*>& arguments, std::string_view name, std::size_t otherwise) {
    const auto found = std::find_if(arguments.begin(), arguments.end(),
                                    [&](const char* a) { return std::string_view{a}.starts_with(name); });
    if (found == arguments.end()) {
        return otherwise;
    }
    const auto value = static_cast<std::size_t>(std::atoi(*found + name.size()));
    arguments.erase(found);
    return value;
}

bool asks_for_another_format(const std::vector<char*>& arguments) {
    return std::any_of(arguments.begin(), arguments.end(), [](std::string_view argument) {
        return argument.starts_with("--benchmark_format") || argument.starts_with("--benchmark_out") ||
               argument.starts_with("--benchmark_list_tests");
    });
}

/// Ours come first, so that the command line can change them.
std::vector<char*> with_defaults(std::vector<char*> arguments, bool prints_table) {
    static std::string time{"--benchmark_min_time=0.05"};
    static std::string repetitions{"--benchmark_repetitions=15"};
    static std::string interleaving{"--benchmark_enable_random_interleaving=true"};
    static std::string aggregates{"--benchmark_report_aggregates_only=true"};
    std::vector<char*> defaults{time.data()};
    if (!prints_table) {
        defaults.insert(defaults.end(), {repetitions.data(), interleaving.data(), aggregates.data()});
    }
    arguments.insert(arguments.begin() + 1, defaults.begin(), defaults.end());
    return arguments;
}

/// Without which no figure means anything.
void say_where(std::size_t rounds) {
    ::utsname kernel{};
    ::uname(&kernel);
    const placement where = two_processors();
    std::printf("%s, Linux %s, compiler %s\n", processor_name().c_str(), kernel.release, __VERSION__);
    std::printf("threads pinned to processors %zu and %zu; medians of %zu interleaved rounds, ratios round by round\n",
                where.here, where.there, rounds);
    std::printf("all that is sent is verified; cpu = processors used by the one thread + by the other\n");
}

void add_context() {
    ::utsname kernel{};
    ::uname(&kernel);
    benchmark::AddCustomContext("kernel", kernel.release);
    benchmark::AddCustomContext("compiler", __VERSION__);
    const placement where = two_processors();
    benchmark::AddCustomContext("processors", std::to_string(where.here) + " and " + std::to_string(where.there));
}

bool print_table(std::size_t rounds) {
    say_where(rounds);
    table answers{rounds};
    const others neighbours;
    for (std::size_t i = 0; i != rounds; ++i) {
        if (benchmark::RunSpecifiedBenchmarks(&answers) == 0) {
            return false;
        }
    }
    answers.print();
    std::printf("\nmeanwhile others used %.2f processors\n", neighbours.so_far());
    return !answers.failed();
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments{argv, argv + argc};
    const std::size_t rounds = take_number(arguments, "--rounds=", 15);
    const bool prints_table = !asks_for_another_format(arguments);
    arguments = with_defaults(std::move(arguments), prints_table);
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data(), [] { std::fputs(usage.data(), stdout); });
    if (rounds == 0 || benchmark::ReportUnrecognizedArguments(count, arguments.data())) {
        std::fputs(usage.data(), stderr);
        return 1;
    }
    if (prints_table) {
        return print_table(rounds) ? 0 : 1;
    }
    add_context();
    return benchmark::RunSpecifiedBenchmarks() == 0 ? 1 : 0;
}
