// Another process, forked, with a socket between it and the test; and what can be known about it from outside.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>
#include <ferrule/net/hand_over.hpp>

namespace ferrule::test {

/// Says or hears one byte: a step of a script that two processes follow.
[[nodiscard]] inline bool say(int socket) {
    const char byte = 1;
    return ::send(socket, &byte, 1, MSG_NOSIGNAL) == 1;
}
[[nodiscard]] inline bool hear(int socket) {
    char byte = 0;
    ::ssize_t n = 0;
    do {
        n = ::recv(socket, &byte, 1, 0);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

/// Dies with the test, and is killed with this object if it still lives.
class other_process {
public:
    /// `code` gets its end of the socket and returns an exit code. It must not use doctest.
    template <class Code>
    explicit other_process(Code code, int type = SOCK_STREAM) {
        std::array<int, 2> ends{};
        std::array<int, 2> silent{};
        REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0);
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, silent.data()) == 0);
        id_ = ::fork();
        REQUIRE(id_ >= 0);
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (const int deadly : {SIGSEGV, SIGBUS, SIGABRT, SIGXFSZ}) {
                std::signal(deadly, SIG_DFL);  // NOLINT: doctest's handlers are not for this process.
            }
            ::close(ends[0]);
            ::close(silent[0]);
            ::_exit([&]() noexcept { return static_cast<int>(code(ends[1])); }());
        }
        ::close(ends[1]);
        ::close(silent[1]);
        socket_ = unique_fd{ends[0]};
        line_ = unique_fd{silent[0]};
    }
    other_process(const other_process&) = delete;
    other_process& operator=(const other_process&) = delete;
    ~other_process() {
        if (id_ > 0) {
            ::kill(id_, SIGKILL);
            (void)outcome();
        }
    }

    [[nodiscard]] int socket() const noexcept { return socket_.get(); }
    [[nodiscard]] ::pid_t id() const noexcept { return id_; }
    void close_socket() noexcept { socket_.reset(); }

    void signal(int number) const { REQUIRE(::kill(id_, number) == 0); }
    /// Returns when it has stopped, or goes on.
    void stop() const {
        signal(SIGSTOP);
        int how = 0;
        REQUIRE(::waitpid(id_, &how, WUNTRACED) == id_);
    }
    void go_on() const {
        signal(SIGCONT);
        int how = 0;
        REQUIRE(::waitpid(id_, &how, WCONTINUED) == id_);
    }

    /// A descriptor that becomes readable when it dies.
    [[nodiscard]] unique_fd life() const {
        unique_fd fd{static_cast<int>(::syscall(SYS_pidfd_open, id_, 0))};
        REQUIRE(fd);
        return fd;
    }
    /// A socket over which nothing is said, and which hangs up when it dies.
    [[nodiscard]] unique_fd line() const { return unique_fd{::fcntl(line_.get(), F_DUPFD_CLOEXEC, 0)}; }

    /// Waits for its end: "exit 3", or "signal 9".
    [[nodiscard]] std::string outcome() {
        int how = 0;
        const ::pid_t id = std::exchange(id_, 0);
        if (id <= 0 || ::waitpid(id, &how, 0) != id) {
            return "no process";
        }
        return WIFEXITED(how) ? "exit " + std::to_string(WEXITSTATUS(how)) : "signal " + std::to_string(WTERMSIG(how));
    }

private:
    ::pid_t id_ = 0;
    unique_fd socket_;
    unique_fd line_;
};

/// Returns when the task, a process or a thread, sleeps in a futex.
inline void wait_until_parked(::pid_t id) {
    for (;;) {
        std::ifstream file{"/proc/" + std::to_string(id) + "/syscall"};
        long number = -1;
        if (file >> number && number == SYS_futex) {
            return;
        }
        std::this_thread::yield();
    }
}

/// One end of a ring of which a process on the other side of `socket` has, or gets, the other end.
template <class T = std::byte>
[[nodiscard]] result<storage::shared<T>> make_for(int socket, std::size_t capacity, role mine) {
    auto memory = storage::shared<T>::create(capacity, mine);
    if (!memory) {
        return memory;
    }
    if (const auto sent = net::send_descriptor(socket, memory->fd()); !sent) {
        return failed{sent.error()};
    }
    memory->close_fd();
    return memory;
}
template <class T = std::byte>
[[nodiscard]] result<storage::shared<T>> take_from(int socket, role mine) {
    auto fd = net::receive_descriptor(socket);
    if (!fd) {
        return failed{fd.error()};
    }
    return storage::shared<T>::attach(std::move(*fd), mine);
}

}  // namespace ferrule::test
