// An eventfd: a wake-up that poll(2), epoll and every event loop can wait for.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

#include <ferrule/detail/failure.hpp>
#include <ferrule/detail/rest_until.hpp>

namespace ferrule::inline v0::detail {

class event {
public:
    /// Throws std::system_error if there is no descriptor to be had.
    event() : fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (fd_ < 0) {
            system_failure("eventfd");
        }
    }
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event() { ::close(fd_); }

    /// Readable from a signal() to the next drain().
    [[nodiscard]] int fd() const noexcept { return fd_; }

    void signal() noexcept { ::eventfd_write(fd_, 1); }

    /// Takes back all signals so far. The caller looks at what they were about afterwards.
    void drain() noexcept {
        ::eventfd_t count = 0;
        ::eventfd_read(fd_, &count);
    }

    /// Sleeps until signalled, until `deadline`, or until a signal arrives.
    void wait(std::chrono::steady_clock::time_point deadline) noexcept {
        ::pollfd entry{fd_, POLLIN, 0};
        ::ppoll(&entry, 1, rest_until{deadline}.get(), nullptr);
    }

private:
    int fd_;
};

}  // namespace ferrule::inline v0::detail
