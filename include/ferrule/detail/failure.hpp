// The two ways the library says no. A wrong argument to a constructor is reported to the caller; a broken contract
// on an end cannot be (the verbs are noexcept, and the ring may already be damaged), so it stops the program.
#pragma once

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>

namespace ferrule::inline v0::detail {

/// Says what was done wrong and aborts. Never returns.
[[noreturn, gnu::cold, gnu::noinline]] inline void misuse(const char* what) noexcept {
    std::fprintf(stderr, "ferrule: %s\n", what);
    std::abort();
}

/// Throws std::invalid_argument; prints and aborts where exceptions are off. Never returns.
[[noreturn, gnu::cold, gnu::noinline]] inline void invalid_argument(const char* what) {
#if defined(__cpp_exceptions)
    throw std::invalid_argument(what);
#else
    misuse(what);
#endif
}

/// Throws std::bad_alloc; prints and aborts where exceptions are off. Never returns.
[[noreturn, gnu::cold, gnu::noinline]] inline void out_of_memory() {
#if defined(__cpp_exceptions)
    throw std::bad_alloc{};
#else
    misuse("out of memory");
#endif
}

/// Throws std::system_error with the current errno; prints and aborts where exceptions are off. Never returns.
[[noreturn, gnu::cold, gnu::noinline]] inline void system_failure(const char* call) {
#if defined(__cpp_exceptions)
    throw std::system_error{errno, std::generic_category(), call};
#else
    misuse(call);
#endif
}

/// Refuses a capacity that is no power of two, naming the ones next to it.
[[noreturn, gnu::cold, gnu::noinline]] inline void invalid_capacity(std::size_t capacity) {
    char text[128];
    if (capacity == 0) {
        invalid_argument("ferrule: capacity 0 holds nothing; the smallest is 1");
    }
    const std::size_t below = std::bit_floor(capacity);
    if (below > ~std::size_t{0} / 2) {
        std::snprintf(text, sizeof text, "ferrule: capacity %zu is no power of two; the nearest is %zu", capacity,
                      below);
    } else {
        std::snprintf(text, sizeof text, "ferrule: capacity %zu is no power of two; the nearest are %zu and %zu",
                      capacity, below, below * 2);
    }
    invalid_argument(text);
}

}  // namespace ferrule::inline v0::detail
