// A stream is a socket in every habit: scripts are run on plain sockets and on streams in several setups, and what the
// programs see must be the same, call by call and byte by byte. Some are written here, most are invented.
//
//   FERRULE_SCRIPTS=100000 FERRULE_SEED=7 ferrule-net -tc="differential: invented*"     more of them, others
//   FERRULE_SCRIPTS=1 FERRULE_SEED=4711 ferrule-net -tc="differential: invented*"       one of them again
//   FERRULE_SCRIPT="a send 5; b close" ferrule-net -tc="differential: one script*"      yours
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../support/differential/compare.hpp"
#include "../support/differential/generator.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Sanitizers make a system call or a wake cost many times as much, and find what they find in fewer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

struct written_script {
    const char* about;
    const char* steps;
};

constexpr std::array written{
    written_script{
        "bytes under way when the way changes come first",
        "a send 100; a send 100; b recv 50; a send 100; b recv 1; a send 3000; b recv 40; a send 1; b drain; "
        "a send 10; b recv 10; a send 10; b drain"},
    written_script{"so they do both ways at once",
                   "a send 10; b send 20; a send 30; b send 40; a recv 25; b recv 25; a send 1; b send 1; a recv 10; "
                   "b recv 10; a drain; b drain; a send 5; b send 5; a drain; b drain"},
    written_script{"a reader asleep is woken by whichever way the byte comes",
                   "b recv 5 waiting; a send 5; b recv 5 waiting; a send 2000; b drain; b recv 1 waiting; a send 1; "
                   "a recv 1 waiting; b send 1; b recv 300 waiting; a send 300"},
    written_script{"a reader asleep is woken by the end",
                   "b recv 1 waiting; a shutdown wr; b recv 1; b send 5; a drain"},
    written_script{"and by a close", "b recv 1 waiting; a close; b recv 1; b send 1; b send 1; b recv 1"},
    written_script{"and by a reset, which is told once", "b recv 1 waiting; a abort; b recv 1; b recv 1; b send 1"},
    written_script{"and by its own end", "b recv 1 waiting; b shutdown rd; b recv 1; a send 3; b recv 3; b recv 1"},
    written_script{"and by a death", "b recv 1 waiting; a die; b recv 1; b recv 1"},
    written_script{"a writer asleep is woken by room", "a fill; a send 100 waiting; b drain; a send 10; b drain"},
    written_script{"and goes on where it was while the other direction ends",
                   "b shutdown wr; a fill; a send 100 waiting; b drain; a recv 1; a send 5; b drain"},
    written_script{"what was full and is empty again takes as much again",
                   "a fill; b drain; a fill; b recv 700; b drain; a send 10; b recv 10; b send 10; a recv 10"},
    written_script{"both write before they read",
                   "a fill; b fill; a drain; b drain; a send 9; b send 9; a recv 9; b recv 9"},
    written_script{"full is full, for every call",
                   "a fill; a send 1 dontwait; a send 1000 dontwait; b recv 100; b drain"},
    written_script{"a full direction ends behind its last byte",
                   "a fill; a shutdown wr; b recv 100; b drain; b recv 1"},
    written_script{"and behind a close as well", "a fill; a close; b recv 100; b drain; b recv 1; b send 1; b send 1"},
    written_script{"an error is told once, behind every byte, to whoever asks first",
                   "b send 6; a send 10; b close; a recv 3; a recv 3; a recv 1; a recv 1; a send 1; a send 1"},
    written_script{"to the sender as well as to the receiver",
                   "b send 6; a send 10; b close; a send 1; a send 1; a recv 6; a recv 1; a recv 1"},
    written_script{"a reset that somebody asked for",
                   "b send 6; a send 10; b recv 10; b abort; a recv 6; a recv 1; a recv 1; a send 1"},
    written_script{"an end that was read to its last byte is no reset",
                   "a send 10; b recv 10; b close; a send 1; a send 1; a recv 1"},
    written_script{
        "half-closed one after the other",
        "a send 1; a shutdown wr; b drain; b send 100; a recv 50; b shutdown wr; a drain; a recv 1; b recv 1; "
        "a send 1; b send 1; a close; b close"},
    written_script{"everything twice",
                   "a shutdown wr; a shutdown wr; b recv 1; b recv 1; b shutdown rd; b shutdown rd; b shutdown wr; "
                   "b shutdown wr; a recv 1; a close; a close; b close; b close; a send 1; a recv 1; a shutdown rd"},
    written_script{"nothing is something", "a send 0; b recv 1; a send 0 dontwait; a shutdown wr; a send 0; b recv 1"},
    written_script{"a peek takes nothing, wherever the bytes are",
                   "a send 5; b recv peek 3; b recv peek 100; a send 3000; b recv 2; b recv peek 5; b recv peek 4000; "
                   "b drain; b recv peek 1; a close; b recv peek 1; b recv 1"},
    written_script{"what is there is counted, wherever it is",
                   "b available; a send 5; b available; a send 3000; b available; b recv 7; b available; b drain; "
                   "b available; a send 3; a close; b available; b drain; b available"},
    written_script{"the error of a socket is there once",
                   "a error; b send 1; a send 1; b close; a error; a error; a recv 1; a recv 1; a send 1"},
    written_script{"and once wherever what was unread is",
                   "b send 1; a sendv 49; b close; a error; a error; a recv 1; a recv 1; a recv 1; a error"},
    written_script{"several pieces are one message, for a peer that has gone as well",
                   "a sendv 7; b recv 7; a sendv 3000; b recvv 3000; b close; a sendv 5; a sendv 5; a recv 1"},
    written_script{"events are those of a socket, in every state",
                   "a poll; a send 5; b poll; b recv 3; b poll; b recv 2; b poll; a shutdown wr; b poll; a poll; "
                   "b send 5; b shutdown wr; a poll; b poll; a drain; a poll; a close; b poll"},
    written_script{"and where it is full", "a fill; a poll; b poll; b drain; a poll; b poll; a send 1; b poll"},
    written_script{"and where it was reset", "a send 1; b send 1; b close; a poll; a recv 1; a poll; a recv 1; a poll"},
};

/// True if what is invented in so many scripts must have done this.
bool is_expected(const operation& o, condition in, splice::route by) {
    const bool looks_behind_bytes = o.manner == manner::peek || o.manner == manner::waitall;
    const bool waits = o.manner == manner::waiting || o.manner == manner::waitall_waiting || o.manner == manner::timed;
    switch (in) {
        case condition::closed:
            return by == splice::route::tcp && !waits && o.verb != verb::die && o.verb != verb::poll;
        case condition::reset:
            return by == splice::route::tcp && !waits && o.verb != verb::die && !looks_behind_bytes;
        case condition::peer_gone:
        case condition::ended:
        case condition::finished:
            return by == splice::route::tcp && !waits && o.verb != verb::die;
        case condition::full:
            if (o.verb == verb::send) {
                return by == splice::route::mixed && (o.manner == manner::waiting || o.manner == manner::dontwait);
            }
            return by == splice::route::mixed && o.verb != verb::fill && o.verb != verb::abort && o.verb != verb::die &&
                   o.manner != manner::timed;
        case condition::unread:
            return !waits && o.verb != verb::die && o.verb != verb::abort;
        case condition::idle:
            return (o.verb != verb::send || !waits) && o.manner != manner::waitall && o.verb != verb::abort;
        case condition::awaited:
            return by == splice::route::ring && !waits && o.verb != verb::die && o.verb != verb::abort &&
                   o.verb != verb::error;
        default:
            return by == splice::route::ring && !waits && o.verb != verb::die && o.verb != verb::abort;
    }
}

}  // namespace

TEST_CASE("differential: written scripts") {
    comparison plain_and_streams;
    std::uint64_t seed = 0;
    for (const auto& each : written) {
        CAPTURE(std::string{each.about});
        const auto script = parse(each.steps);
        REQUIRE(script);
        for (const auto kind : connections()) {
            const auto as_plain = plain_and_streams.run(*script, kind, {});
            for (int i = 0; i != 6; ++i) {
                const auto d = plain_and_streams.compare(*script, kind, as_plain, setups(seed++, script->size()));
                if (d && plain_and_streams.is_seen_again(*d)) {
                    FAIL_CHECK(to_string(*d));
                }
            }
        }
    }
}

TEST_CASE("differential: invented scripts") {
    constexpr std::uint64_t enough = 10'000;  // To have been everywhere.
    const auto scripts = from_environment("FERRULE_SCRIPTS", sanitized ? 500 : 2000);
    const auto first = from_environment("FERRULE_SEED", 1);
    comparison plain_and_streams;
    coverage seen;
    std::uint64_t steps = 0;
    std::uint64_t runs = 0;
    std::uint64_t seen_once = 0;
    int differences = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (auto seed = first; seed != first + scripts && differences != 5; ++seed) {
        plain_and_streams.about("seed " + std::to_string(seed) + ", ");
        generator invent{seed};
        const auto kind = invent.kind();
        const auto [script, as_plain] =
            plain_and_streams.invent(kind, [&](const driver& at) { return invent.next(at); });
        const auto all = setups(seed, script.size());
        steps += script.size();
        runs += 1 + all.size();
        auto d = plain_and_streams.compare(script, kind, as_plain, all, &seen);
        if (d && !plain_and_streams.is_seen_again(*d)) {
            ++seen_once;
        } else if (d) {
            ++differences;
            FAIL_CHECK("seed ", seed, ": ", to_string(plain_and_streams.shrink(std::move(*d))));
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    MESSAGE(scripts, " scripts from seed ", first, ", ", steps, " steps, ", runs, " runs in ", took.count(), " s; ",
            seen_once, " not the same once and never again\n", seen.table());
    CHECK(seen_once <= scripts / 200 + 1);
    if (scripts >= enough && differences == 0) {
        for (const auto& cell : seen.missing(is_expected)) {
            FAIL_CHECK("never done: ", cell);
        }
    }
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
