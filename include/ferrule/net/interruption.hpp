// What a signal means to a call that sleeps on several descriptors at once.
//
// The kernel goes on with a recv() when the handler was installed with SA_RESTART, and ends it with EINTR when not. It
// never goes on with a ppoll(), and nothing tells afterwards which signal it was. But the handlers can be asked: unless
// a program has both kinds, that is the answer; one that has gets EINTR, because whoever leaves SA_RESTART out may
// count on it. Handlers of what a program does to itself (SIGSEGV and its like) do not end a sleep.
#pragma once

#include <pthread.h>

#include <csignal>

namespace ferrule::inline v0::net {

/// Asked after a handler ran in this thread: whether a plain call would have gone on. True if every handler that may
/// have run asks for it. One that took itself away, as SA_RESETHAND does, did not.
[[nodiscard]] inline bool handlers_ask_for_restart() noexcept {
    const auto is_a_fault = [](int signal) noexcept {
        return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGABRT ||
               signal == SIGTRAP || signal == SIGSYS;
    };
    ::sigset_t blocked;
    if (::pthread_sigmask(SIG_BLOCK, nullptr, &blocked) != 0) {
        return false;
    }
    bool any = false;
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        struct ::sigaction act {};
        // Those that the C library keeps for itself cannot be asked about, and restart.
        if (is_a_fault(signal) || ::sigismember(&blocked, signal) == 1 || ::sigaction(signal, nullptr, &act) != 0) {
            continue;
        }
        if (act.sa_handler == SIG_DFL || act.sa_handler == SIG_IGN) {  // NOLINT: macros of the system's.
            continue;
        }
        if ((act.sa_flags & SA_RESTART) == 0) {
            return false;
        }
        any = true;
    }
    return any;
}

}  // namespace ferrule::inline v0::net
