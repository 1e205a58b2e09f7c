// Every system call of a ring's life may fail: the k-th is made to, with every plausible error, for every k until a run
// completes. Either it worked all the same, or there is an error and nothing is left open or mapped.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/denied.hpp"
#include "../support/held.hpp"
#include "../support/in_child.hpp"
#include "../support/other_process.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using memory_of_bytes = storage::shared<std::byte>;

enum outcome : int { worked = 10, clean_error, error_without_number, leaked, wrong };

[[nodiscard]] outcome judge(bool did, const std::error_code& why, const held& before) {
    if (!did && !why) {
        return error_without_number;
    }
    return holds() == before ? did ? worked : clean_error : leaked;
}

#if defined(__x86_64__)

constexpr std::array errors{EINTR, EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS, EACCES, EINVAL};

/// No system call; tells the tracer where what it traces begins and ends.
constexpr long mark = 0x7e57;

/// These cannot fail.
[[nodiscard]] bool never_fails(unsigned long call) { return call == SYS_getpid || call == SYS_gettid; }
/// These do what they do whatever they return.
[[nodiscard]] bool takes_effect(unsigned long call) { return call == SYS_close || call == SYS_munmap; }

struct run {
    std::string how;
    bool failed_one = false;
};

/// Runs `code` in a child whose `k`-th system call after its first mark fails with `error`.
template <class Code>
[[nodiscard]] run with_failure(Code code, int k, int error) {
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::signal(SIGABRT, SIG_DFL);  // NOLINT: doctest's handler is not for this process.
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        ::_exit([&]() noexcept { return static_cast<int>(code()); }());
    }
    run outcome;
    int how = 0;
    ::waitpid(child, &how, 0);
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    bool inside = false;
    bool entering = true;
    bool failing = false;
    int calls = 0;
    int pass_on = 0;
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, pass_on);
        pass_on = 0;
        if (::waitpid(child, &how, 0) != child || !WIFSTOPPED(how)) {
            break;
        }
        if (WSTOPSIG(how) != (SIGTRAP | 0x80)) {
            pass_on = WSTOPSIG(how);
            continue;
        }
        ::user_regs_struct registers{};
        ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
        const auto call = static_cast<unsigned long>(registers.orig_rax);
        if (entering) {
            if (call == static_cast<unsigned long>(mark)) {
                inside = !inside;
            } else if (inside && !never_fails(call) && ++calls == k) {
                failing = outcome.failed_one = true;
                if (!takes_effect(call)) {
                    registers.orig_rax = ~0ULL;
                    ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
                }
            }
        } else if (failing) {
            failing = false;
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
            ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
        }
        entering = !entering;
    }
    outcome.how =
        WIFEXITED(how) ? "exit " + std::to_string(WEXITSTATUS(how)) : "signal " + std::to_string(WTERMSIG(how));
    return outcome;
}

/// Returns how many calls were made to fail.
template <class Code>
int fail_each(const char* what, Code code) {
    int failed = 0;
    for (const int error : errors) {
        for (int k = 1;; ++k) {
            CAPTURE(std::string{what});
            CAPTURE(error);
            CAPTURE(k);
            const run one = with_failure(code, k, error);
            if (!one.failed_one) {
                CHECK(k > 1);
                CHECK(one.how == "exit " + std::to_string(worked));
                break;
            }
            ++failed;
            CHECK_MESSAGE(
                (one.how == "exit " + std::to_string(worked) || one.how == "exit " + std::to_string(clean_error)),
                one.how);
        }
    }
    return failed;
}

#endif

}  // namespace

#if defined(__x86_64__)

TEST_CASE("calls: each one that fails is a clean error, or none") {
    const watchdog dog{"failing calls"};
    (void)ferrule::detail::park_cost();  // Measured here, once, and not in every child.
    const auto marked = [] { ::syscall(mark); };
    int failed = 0;
    failed += fail_each("create", [&] {
        const held before = holds();
        std::error_code why;
        bool did = false;
        {
            marked();
            auto made = memory_of_bytes::create(4096, role::producer);
            marked();
            did = static_cast<bool>(made);
            why = made.error();
        }
        return judge(did, why, before);
    });
    failed += fail_each("attach", [&] {
        auto made = memory_of_bytes::create(4096, role::producer);
        const held before = holds();
        std::error_code why;
        bool did = false;
        {
            unique_fd fd{::dup(made->fd())};
            marked();
            auto taken = memory_of_bytes::attach(std::move(fd), role::consumer);
            marked();
            did = static_cast<bool>(taken);
            why = taken.error();
        }
        return judge(did, why, before);
    });
    failed += fail_each("hand over", [&] {
        std::array<int, 2> ends{};
        (void)!::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data());
        const held before = holds();
        std::error_code why;
        bool did = false;
        {
            marked();
            const auto sent = net::send_descriptor(ends[0], 2);
            marked();
            did = static_cast<bool>(sent);
            why = sent.error();
        }
        return judge(did, why, before);
    });
    failed += fail_each("receive", [&] {
        std::array<int, 2> ends{};
        (void)!::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data());
        (void)net::send_descriptor(ends[0], 2);
        const held before = holds();
        std::error_code why;
        bool did = false;
        {
            marked();
            const auto received = net::receive_descriptor(ends[1]);
            marked();
            did = static_cast<bool>(received);
            why = received.error();
        }
        return judge(did, why, before);
    });
    failed += fail_each("use and destroy", [&] {
        const held before = holds();
        bool good = false;
        {
            auto made = memory_of_bytes::create(4096, role::producer);
            auto taken = memory_of_bytes::attach(unique_fd{::dup(made->fd())}, role::consumer);
            std::array<int, 2> ends{};
            (void)!::pipe(ends.data());
            made->watch_peer(unique_fd{ends[0]});
            const unique_fd other_end{ends[1]};
            marked();
            {
                shared_ring<> ring{std::move(*made)};
                shared_ring<> theirs{std::move(*taken)};
                auto tx = ring.claim_producer();
                auto rx = theirs.claim_consumer();
                std::array<std::byte, 4096> piece{};
                good = tx.try_write(piece) == 4096 && rx.try_read(std::span{piece}.first(10)) == 10;
                good = good && tx.try_write(std::span{piece}.first(10)) == 10;
                const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{2};
                const status waited = tx.wait_writable(1, soon);
                good = good && (waited == status::timed_out || waited == status::closed);
                good = good && rx.try_read(piece) == 4096;
                tx.trim();
                tx.close();
                good = good && rx.finished();
            }
            marked();
        }
        return good ? judge(true, {}, before) : wrong;
    });
    std::printf("process: %d system calls made to fail, one by one\n", failed);
    CHECK(failed > 100);
}

#endif

namespace {

struct refused_by {
    const char* what;
    unsigned call;
    unsigned error;
};

/// A soft limit, lowered while a ring is made.
[[nodiscard]] std::string made_under(__rlimit_resource resource, ::rlim_t limit) {
    return in_child([=] {
        const held before = holds();
        ::rlimit normal{};
        ::getrlimit(resource, &normal);
        const ::rlimit lower{limit, normal.rlim_max};
        ::setrlimit(resource, &lower);
        std::error_code why;
        bool did = false;
        {
            const auto made = memory_of_bytes::create(std::size_t{1} << 30U, role::producer);
            did = static_cast<bool>(made);
            why = made.error();
        }
        ::setrlimit(resource, &normal);
        return judge(did, why, before);
    });
}

}  // namespace

TEST_CASE("calls: what the kernel does not have or a filter denies is an error with that number") {
    for (const auto& no :
         {refused_by{"memfd_create", SYS_memfd_create, ENOSYS}, refused_by{"memfd_create", SYS_memfd_create, EPERM},
          refused_by{"ftruncate", SYS_ftruncate, ENOSPC}, refused_by{"fcntl", SYS_fcntl, EPERM},
          refused_by{"mmap", SYS_mmap, ENOMEM}, refused_by{"madvise", SYS_madvise, EPERM}}) {
        CAPTURE(std::string{no.what});
        const std::string how = in_child([&]() -> int {
            const held before = holds();
            // Only what is ours: the allocator has mappings of its own, and reading a directory asks for flags.
            const unsigned argument = no.call == SYS_mmap ? 3 : 1;
            const unsigned bits = no.call == SYS_mmap ? MAP_SHARED : no.call == SYS_fcntl ? 0x400U : 0;
            if (!denied(no.call, no.error, argument, bits)) {
                return wrong;
            }
            const auto made = memory_of_bytes::create(4096, role::producer);
            if (made || made.error() != std::error_code{static_cast<int>(no.error), std::system_category()}) {
                return wrong;
            }
            return judge(false, made.error(), before);
        });
        CHECK(how == "exit " + std::to_string(clean_error));
    }
}

TEST_CASE("calls: without descriptors, addresses or a file that long there is no ring, and no signal") {
    CHECK(made_under(RLIMIT_NOFILE, 0) == "exit " + std::to_string(clean_error));
    CHECK(made_under(RLIMIT_FSIZE, 65536) == "exit " + std::to_string(clean_error));
    CHECK(made_under(RLIMIT_AS, ::rlim_t{512} << 20U) == "exit " + std::to_string(clean_error));
}
