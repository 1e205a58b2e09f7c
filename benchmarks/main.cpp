// Runs the benchmarks several times each, in random order, and says where.
#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <cstring>
#include <string>
#include <vector>

#include "support/pin.hpp"

namespace {

/// Ours come first, so that the command line can change them.
std::vector<char*> with_defaults(int argc, char** argv) {
    static std::string defaults[]{"--benchmark_repetitions=15", "--benchmark_enable_random_interleaving=true",
                                  "--benchmark_report_aggregates_only=true", "--benchmark_min_time=0.05"};
    std::vector<char*> arguments{argv[0]};
    for (std::string& argument : defaults) {
        arguments.push_back(argument.data());
    }
    arguments.insert(arguments.end(), argv + 1, argv + argc);
    return arguments;
}

void add_context() {
    ::utsname kernel{};
    ::uname(&kernel);
    benchmark::AddCustomContext("kernel", kernel.release);
    benchmark::AddCustomContext("compiler", __VERSION__);
    const auto where = ferrule::bench::two_processors();
    benchmark::AddCustomContext("processors", std::to_string(where.here) + " and " + std::to_string(where.there));
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments = with_defaults(argc, argv);
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) {
        return 1;
    }
    add_context();
    return benchmark::RunSpecifiedBenchmarks() == 0 ? 1 : 0;
}
