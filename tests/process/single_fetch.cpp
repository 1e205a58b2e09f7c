// Counts, in the code as it was compiled, how often each word of a peer's page is loaded in one call: once at most, or
// what is checked need not be what is used. A compiler may load a word twice where the source does so once, so this is
// built at several levels of optimisation; run it as a program of its own.
#include <cstdio>

#if defined(__x86_64__)

#include <algorithm>
#include <cstdint>
#include <map>

#include "stage.hpp"
#include "stepper.hpp"

namespace {

using namespace ferrule;
using namespace ferrule::test;

struct totals {
    unsigned calls = 0;
    unsigned loads = 0;
    unsigned most_of_a_word = 0;
    unsigned of_header = 0;
    unsigned of_own = 0;
    unsigned failures = 0;
};

template <role Role, class Cursor>
void count(stepper& steps, totals& sum) {
    using play_type = play<Role, Cursor>;
    using call_type = call<play_type>;
    stage where{Role};
    steps.watch(where.page_it_reads(), where.page_it_writes());
    for (const auto& what : scenes_of<Role>()) {
        for (const auto& how : calls_of(static_cast<play_type*>(nullptr))) {
            if (how.kind == sort::waiting) {
                continue;  // Looks as often as it is told to.
            }
            struct argument {
                play_type* played;
                const call_type* what;
            };
            play_type played{where, what, ~std::uint64_t{0} - 2};
            argument both{&played, &how};
            const auto& report = steps.run(
                {.watch_own = true}, [](void*) {}, nullptr,
                [](void* argument_of) {
                    const auto& [player, operation] = *static_cast<argument*>(argument_of);
                    player->result = operation->run(*player);
                },
                &both);
            std::map<std::size_t, unsigned> of_word;
            for (std::size_t i = 0; i != std::min(report.loads, report.where.size()); ++i) {
                const std::size_t offset = report.where.at(i).offset;
                ++of_word[offset / 8];
                sum.of_header += offset < sizeof(storage::shared_header) ? 1 : 0;
            }
            for (const auto& [word, loads] : of_word) {
                sum.most_of_a_word = std::max(sum.most_of_a_word, loads);
                if (loads > 1) {
                    std::printf("%s, %s: %u loads of the word at %zu\n", how.name, what.name, loads, 8 * word);
                }
            }
            if (report.how != stepper::ending::returned) {
                std::printf("%s, %s: a fault\n", how.name, what.name);
                ++sum.failures;
            }
            sum.of_own += static_cast<unsigned>(report.reads_of_own);
            sum.loads += static_cast<unsigned>(report.loads);
            ++sum.calls;
        }
    }
}

}  // namespace

int main() {
    totals sum;
    stepper steps;
    count<role::producer, cursor::cached>(steps, sum);
    count<role::consumer, cursor::cached>(steps, sum);
    count<role::producer, cursor::direct>(steps, sum);
    count<role::consumer, cursor::direct>(steps, sum);
    std::printf(
        "single fetch: %u calls with %u loads of a peer's words, at most %u of one word; %u of the header, %u of the "
        "own page\n",
        sum.calls, sum.loads, sum.most_of_a_word, sum.of_header, sum.of_own);
    const bool all_well = sum.most_of_a_word == 1 && sum.of_header == 0 && sum.of_own == 0 && sum.failures == 0;
    return all_well && sum.calls >= 500 && sum.loads >= 500 ? 0 : 1;
}

#else

int main() {
    std::puts("skipped: this processor has no trap flag that a program can set");
    return 0;
}

#endif
