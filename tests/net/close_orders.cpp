// However a connection is taken down, and whatever is unread meanwhile, the two programs see what they would have seen
// on plain sockets: every order of two endings by whichever side, with something between them, and what comes after.
#include <array>
#include <string>
#include <string_view>

#include "../support/differential/compare.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::array unread{"", "a send 10; ", "b send 10; ", "a send 10; b send 10; ", "a send 10; b recv 4; "};
constexpr std::array endings{"shutdown rd", "shutdown wr", "shutdown rdwr", "close", "abort", "die"};
constexpr std::array again{"X shutdown rd", "X shutdown wr", "X shutdown rdwr", "X close", "X abort", "X die",
                           "Y shutdown rd", "Y shutdown wr", "Y shutdown rdwr", "Y close", "Y abort"};
constexpr std::array between{"", "X send 5; ", "X drain; ", "X send 5; X send 5; Y send 5; "};
constexpr std::string_view after =
    "a send 3; b send 3; a drain; b drain; a send 3 dontwait; b send 3 dontwait; a recv 1; b recv 1; "
    "a shutdown wr; b shutdown wr; a shutdown rd; b shutdown rd";

/// With X for who did not end it first, and Y for who did.
std::string filled_in(std::string_view text, char who_ended) {
    std::string all{text};
    for (char& c : all) {
        c = c == 'Y' ? who_ended : c == 'X' ? static_cast<char>('a' + 'b' - who_ended) : c;
    }
    return all;
}

}  // namespace

TEST_CASE("close orders: every one of them is as on plain sockets") {
    comparison plain_and_streams;
    std::uint64_t count = 0;
    int differences = 0;
    for (const auto* const before : unread) {
        for (const auto* const first : endings) {
            for (const auto* const then : between) {
                for (const char who : {'a', 'b'}) {
                    for (const auto* const second : again) {
                        const auto steps = parse(filled_in(
                            std::string{before} + "Y " + first + "; " + then + second + "; " + std::string{after},
                            who));
                        REQUIRE(steps);
                        for (const auto kind : connections()) {
                            // Named AF_UNIX sockets and mapped addresses end as the others do: a sample will do.
                            const bool rare = kind != connection::tcp4 && kind != connection::unix_pair;
                            if (rare && count % 8 != static_cast<std::uint64_t>(kind)) {
                                continue;
                            }
                            const auto as_plain = plain_and_streams.run(*steps, kind, {});
                            auto d = plain_and_streams.compare(*steps, kind, as_plain, setups(count, steps->size()));
                            if (d && plain_and_streams.is_seen_again(*d) && ++differences < 10) {
                                FAIL_CHECK(to_string(plain_and_streams.shrink(std::move(*d))));
                            }
                        }
                        ++count;
                    }
                }
            }
        }
    }
    CHECK(differences == 0);
    MESSAGE(count, " orders");
}
