// One end of a doorbell: a pipe's, or an eventfd. None of its calls waits but wait(), although whoever has the other
// end may have cleared O_NONBLOCK.
#pragma once

#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <ferrule/detail/rest_until.hpp>

namespace ferrule::inline v0::detail {

class bell {
public:
    explicit bell(int fd) noexcept : fd_{fd}, is_pipe_{is_pipe(fd)} {}

    [[nodiscard]] int fd() const noexcept { return fd_; }

    /// True once it was seen that nobody is left who could ring.
    [[nodiscard]] bool is_dead() const noexcept { return dead_; }

    /// Neither waits nor raises a signal if nobody is left who could hear it.
    void ring() noexcept {
        constexpr int no_signal = 0x100;  // RWF_NOSIGNAL, since Linux 6.18.
        // A pipe that is full has been rung.
        if (write(RWF_NOWAIT | no_signal) >= 0 || errno != EOPNOTSUPP) {
            return;
        }
        if (is_pipe_) {
            ring_without_signal();
        } else {
            (void)write(0);  // An eventfd knows no RWF_NOWAIT, and is between friends.
        }
    }

    /// Takes back the rings so far. The caller looks at what they were about afterwards.
    void drain() noexcept {
        std::byte rings[512];
        const ::iovec room{rings, sizeof rings};
        const ::ssize_t taken = ::preadv2(fd_, &room, 1, -1, RWF_NOWAIT);
        dead_ = dead_ || taken == 0;
    }

    /// Sleeps until rung, until nobody is left who could, until `life` is readable or hangs up (-1: nothing does),
    /// until `deadline`, or until a signal arrives.
    void wait(std::chrono::steady_clock::time_point deadline, int life) noexcept {
        ::pollfd entries[2] = {{fd_, POLLIN, 0}, {life, POLLIN | POLLRDHUP, 0}};
        if (::ppoll(entries, 2, rest_until{deadline}.get(), nullptr) > 0) {
            dead_ = dead_ || (static_cast<unsigned>(entries[0].revents) & (POLLHUP | POLLERR | POLLNVAL)) != 0;
        }
    }

private:
    [[nodiscard]] static bool is_pipe(int fd) noexcept {
        struct ::stat about {};
        return ::fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
    }

    ::ssize_t write(int flags) const noexcept {
        std::uint64_t one = 1;
        const ::iovec bytes{&one, sizeof one};
        return ::pwritev2(fd_, &bytes, 1, -1, flags);
    }

    /// As kernels do it that have to be asked: a SIGPIPE of our own is taken back, one that was pending stays.
    [[gnu::noinline]] void ring_without_signal() const noexcept {
        ::sigset_t pipe;
        ::sigset_t before;
        ::sigset_t pending;
        ::sigemptyset(&pipe);
        ::sigaddset(&pipe, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
        ::sigpending(&pending);
        if (write(RWF_NOWAIT) < 0 && errno == EPIPE && ::sigismember(&pending, SIGPIPE) == 0) {
            const ::timespec at_once{};
            ::sigtimedwait(&pipe, nullptr, &at_once);
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    int fd_;
    bool is_pipe_;
    bool dead_ = false;
};

}  // namespace ferrule::inline v0::detail
