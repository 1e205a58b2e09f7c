// The futex system call: sleep on a word, wake whoever sleeps on it. std::atomic::wait is no substitute, because in
// libstdc++ it works within one process only and takes no deadline.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

#include <ferrule/fwd.hpp>

namespace ferrule::inline v0::detail {

[[nodiscard]] constexpr int futex_flags(futex_scope scope) noexcept {
    return scope == futex_scope::process_private ? FUTEX_PRIVATE_FLAG : 0;
}

/// Sleeps while `*word` is `expected`, until woken, until `deadline` (CLOCK_MONOTONIC, absolute), or until a signal
/// arrives. May also end for no reason: the caller looks again.
inline void futex_wait(const void* word, std::uint32_t expected, std::chrono::steady_clock::time_point deadline,
                       futex_scope scope) noexcept {
    ::timespec until{};
    const bool bounded = deadline != std::chrono::steady_clock::time_point::max();
    if (bounded) {
        const auto since_boot =
            std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
        if (since_boot <= 0) {
            return;
        }
        until.tv_sec = since_boot / 1'000'000'000;
        until.tv_nsec = since_boot % 1'000'000'000;
    }
    // The BITSET form is the one whose time-out is absolute, so that a signal neither shortens nor lengthens it.
    ::syscall(SYS_futex, word, FUTEX_WAIT_BITSET | futex_flags(scope), expected, bounded ? &until : nullptr, nullptr,
              FUTEX_BITSET_MATCH_ANY);
}

/// Wakes everybody who sleeps on `*word`.
inline void futex_wake(const void* word, futex_scope scope) noexcept {
    ::syscall(SYS_futex, word, FUTEX_WAKE | futex_flags(scope), INT_MAX, nullptr, nullptr, 0);
}

}  // namespace ferrule::inline v0::detail
