// Runs a piece of code that must stop the program, in a child process, and tells how it went.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

namespace ferrule::test {

/// What `code` printed to standard error before it aborted; "(survived)" if it returned.
template <class Code>
[[nodiscard]] std::string last_words(Code code) {
    std::array<int, 2> pipe_ends{};
    REQUIRE(::pipe(pipe_ends.data()) == 0);
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // A child that does not die by itself must not outlive the test.
        std::signal(SIGABRT, SIG_DFL);       // NOLINT: doctest's handler would report the child as a failed test.
        ::dup2(pipe_ends[1], STDERR_FILENO);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
        code();
        ::_exit(0);
    }
    ::close(pipe_ends[1]);
    std::string words;
    std::array<char, 512> buffer{};
    for (::ssize_t n = 0; (n = ::read(pipe_ends[0], buffer.data(), buffer.size())) > 0;) {
        words.append(buffer.data(), static_cast<std::size_t>(n));
    }
    ::close(pipe_ends[0]);
    int how = 0;
    ::waitpid(child, &how, 0);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) {
        return "(survived)";
    }
    const bool aborted = WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT;
    return aborted ? words : "(died of something else) " + words;
}

}  // namespace ferrule::test

/// The code must stop the program, and say `text` when it does.
#define CHECK_DIES(text, ...)                                                                  \
    do {                                                                                       \
        const std::string last = ::ferrule::test::last_words([&]() noexcept { __VA_ARGS__; }); \
        CHECK_MESSAGE(last.find(text) != std::string::npos, "last words: ", last);             \
    } while (false)
