// Which system calls a piece of code makes: it runs in a child, which is traced.
#pragma once

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>
#include <ferrule/detail/native.hpp>

namespace ferrule::test {

/// A system call that does nothing, and marks where what is counted begins and ends.
inline void mark() { ::syscall(SYS_getpgid, 0); }

/// How often which call was made, by number.
using call_counts = std::map<std::uint64_t, int>;

[[nodiscard]] inline std::string to_string(const call_counts& calls) {
    std::string text;
    for (const auto& [number, times] : calls) {
        text += "call " + std::to_string(number) + ": " + std::to_string(times) + "  ";
    }
    return text;
}

/// ThreadSanitizer's runtime maps memory for its shadow when it sees fit.
[[nodiscard]] inline bool is_of_a_sanitizer([[maybe_unused]] std::uint64_t number) {
#if defined(FERRULE_TSAN)
    return number == SYS_mmap;
#else
    return false;
#endif
}

/// How often each call is made, by number, between two mark()s of `code`, which returns true. Nothing where tracing is
/// not allowed.
template <class Code>
[[nodiscard]] std::optional<call_counts> system_calls(Code code) {
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(77);
        }
        ::raise(SIGSTOP);
        ::_exit([&]() noexcept { return code() ? 0 : 1; }());
    }
    call_counts calls;
    int how = 0;
    int marks = 0;
    REQUIRE(::waitpid(child, &how, 0) == child);
    if (WIFSTOPPED(how)) {
        ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    }
    while (WIFSTOPPED(how)) {
        int signal = WSTOPSIG(how);
        if (signal == (SIGTRAP | 0x80)) {
            signal = 0;
            ::__ptrace_syscall_info info{};
            REQUIRE(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                if (info.entry.nr == SYS_getpgid) {
                    ++marks;
                } else if (marks == 1 && !is_of_a_sanitizer(info.entry.nr)) {
                    ++calls[info.entry.nr];
                }
            }
        }
        if (signal == SIGSTOP) {
            signal = 0;
        }
        ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
        REQUIRE(::waitpid(child, &how, 0) == child);
    }
    REQUIRE(WIFEXITED(how));
    if (WEXITSTATUS(how) == 77) {
        return std::nullopt;
    }
    CHECK(WEXITSTATUS(how) == 0);
    CHECK(marks == 2);
    return calls;
}

}  // namespace ferrule::test
