// A stream is a socket in every habit: scripts are run on plain sockets and on streams, and what the programs see must
// be the same, call by call and byte by byte.
#include <chrono>
#include <cstdlib>
#include <string>

#include "../support/differential/compare.hpp"
#include "../support/differential/generator.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// A number from the environment: FERRULE_SCRIPTS, how many are invented; FERRULE_SEED, of the first one.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("differential: invented scripts") {
    const auto scripts = from_environment("FERRULE_SCRIPTS", 10'000);
    const auto first = from_environment("FERRULE_SEED", 1);
    comparison plain_and_streams;
    coverage seen;
    std::uint64_t steps = 0;
    int differences = 0;
    std::uint64_t unique = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (auto seed = first; seed != first + scripts && differences != 5; ++seed) {
        plain_and_streams.about("seed " + std::to_string(seed) + ", ");
        generator invent{seed};
        const auto kind = invent.kind();
        const auto [script, as_plain] =
            plain_and_streams.invent(kind, [&](const driver& at) { return invent.next(at); });
        steps += script.size();
        auto d = plain_and_streams.compare(script, kind, as_plain, setups(seed, script.size()), &seen);
        if (d && !plain_and_streams.is_seen_again(*d)) {
            ++unique;
            MESSAGE("seed ", seed, ", seen once: ", to_string(*d));
        } else if (d) {
            ++differences;
            FAIL_CHECK("seed ", seed, ": ", to_string(plain_and_streams.shrink(std::move(*d))));
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    MESSAGE(scripts, " scripts, ", steps, " steps, each on plain sockets and in 4 setups: ", took.count(), " s\n",
            seen.table());
}

TEST_CASE("differential: one script, from the environment") {
    const char* const text = std::getenv("FERRULE_SCRIPT");
    if (text == nullptr) {
        return;
    }
    const auto script = parse(text);
    REQUIRE(script);
    comparison plain_and_streams;
    for (const auto kind : connections()) {
        const auto as_plain = plain_and_streams.run(*script, kind, {});
        const auto d = plain_and_streams.compare(*script, kind, as_plain,
                                                 setups(from_environment("FERRULE_SEED", 1), script->size()));
        if (d) {
            FAIL_CHECK(to_string(*d));
        } else {
            MESSAGE(to_string(difference{*script, kind, {}, as_plain, as_plain}));
        }
    }
}
