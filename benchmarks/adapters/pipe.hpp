// A pipe between two threads. It waits inside its calls, so there is nothing left to wait for afterwards.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "../support/give_up.hpp"

namespace ferrule::bench {

template <class T>
class pipe_queue {
public:
    explicit pipe_queue(std::size_t capacity) {
        if (::pipe2(fds_.data(), O_CLOEXEC) != 0) {
            give_up("pipe2");
        }
        constexpr std::size_t most = 1U << 20U;  // What a user may have, unless the administrator says otherwise.
        (void)::fcntl(fds_[1], F_SETPIPE_SZ, static_cast<int>(std::min(capacity * sizeof(T), most)));
    }
    pipe_queue(const pipe_queue&) = delete;
    pipe_queue& operator=(const pipe_queue&) = delete;
    ~pipe_queue() {
        close();
        ::close(fds_[0]);
    }

    [[nodiscard]] bool try_push(const T& value) { return try_write({&value, 1}) != 0; }
    [[nodiscard]] bool try_pop(T& value) { return try_read({&value, 1}) != 0; }
    [[nodiscard]] std::size_t try_write(std::span<const T> from) {
        return whole(::write(fds_[1], from.data(), from.size_bytes()));
    }
    [[nodiscard]] std::size_t try_read(std::span<T> to) { return whole(::read(fds_[0], to.data(), to.size_bytes())); }

    static void await_space() noexcept {}
    [[nodiscard]] static bool await_data() noexcept { return false; }
    void close() noexcept {
        if (fds_[1] != -1) {
            ::close(fds_[1]);
            fds_[1] = -1;
        }
    }

private:
    /// Pipes move whole pages and whole small writes, so elements whose size is a power of two are never cut.
    static std::size_t whole(::ssize_t bytes) {
        if (bytes < 0 || static_cast<std::size_t>(bytes) % sizeof(T) != 0) {
            give_up("pipe");
        }
        return static_cast<std::size_t>(bytes) / sizeof(T);
    }

    std::array<int, 2> fds_{-1, -1};
};

}  // namespace ferrule::bench
