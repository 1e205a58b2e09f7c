// Two threads in one end, by mistake: the default guard ends the program with a sentence instead of losing data.
#include <atomic>
#include <thread>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/dies.hpp"

using namespace ferrule;

namespace {

/// What is seen first depends on the build: ThreadSanitizer sees the race in the end itself.
#if defined(__SANITIZE_THREAD__)
constexpr bool under_tsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool under_tsan = true;
#else
constexpr bool under_tsan = false;
#endif
#else
constexpr bool under_tsan = false;
#endif

/// Both threads call `operation` for as long as it takes.
template <class Operation>
std::string last_words_of_two(Operation operation) {
    return test::last_words([&] {
        std::thread other{[&] {
            for (;;) {
                operation();
            }
        }};
        for (;;) {
            operation();
        }
    });
}

void check_diagnosed(const std::string& words) {
    CAPTURE(words);
    const bool said = words.find("two calls overlap in one end") != std::string::npos;
    const bool raced = words.find("data race") != std::string::npos;
    CHECK((said || (under_tsan && raced)));
}

}  // namespace

TEST_CASE("overlap: two threads pushing into one producer are caught") {
    heap_ring<int> ring{8};
    auto tx = ring.claim_producer();
    check_diagnosed(last_words_of_two([&] { (void)tx.try_push(1); }));
}

TEST_CASE("overlap: two threads popping from one consumer are caught") {
    heap_ring<int> ring{8};
    auto rx = ring.claim_consumer();
    check_diagnosed(last_words_of_two([&] { (void)rx.try_pop(); }));
}

TEST_CASE("overlap: a read while another thread waits on the same end is caught") {
    heap_ring<int> ring{8};
    auto rx = ring.claim_consumer();
    check_diagnosed(test::last_words([&] {
        std::thread waits{[&] { (void)rx.wait_readable(1, no_deadline); }};
        for (;;) {
            (void)rx.try_pop();
        }
    }));
}
