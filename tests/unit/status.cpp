#include <ferrule/status.hpp>
// The header under test comes first: it must stand alone.
#include <set>
#include <string>

#include <doctest/doctest.h>

using ferrule::status;

TEST_CASE("status: every value has words of its own") {
    std::set<std::string> words;
    for (const status s :
         {status::ok, status::timed_out, status::closed, status::corrupt, status::stalled, status::too_large}) {
        words.insert(std::string{to_string(s)});
    }
    CHECK(words.size() == 6);
    CHECK_FALSE(words.contains("unknown status"));
    CHECK(to_string(static_cast<status>(99)) == "unknown status");
}
