// Runs a piece of code in a child process, for what cannot be undone: limits, filters, memory that is gone.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include <doctest/doctest.h>

namespace ferrule::test {

/// What `code` returned, "exit 3", or how it ended otherwise, "signal 11".
template <class Code>
[[nodiscard]] std::string in_child(Code code) {
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (const int deadly : {SIGSEGV, SIGBUS, SIGABRT, SIGXFSZ}) {
            std::signal(deadly, SIG_DFL);  // NOLINT: doctest's and the sanitizers' handlers are not for this process.
        }
        ::_exit([&]() noexcept { return static_cast<int>(code()); }());
    }
    int how = 0;
    ::waitpid(child, &how, 0);
    return WIFEXITED(how) ? "exit " + std::to_string(WEXITSTATUS(how)) : "signal " + std::to_string(WTERMSIG(how));
}

}  // namespace ferrule::test
