// The pipes by which two processes wake each other.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <ferrule/fd.hpp>
#include <ferrule/result.hpp>
#include <ferrule/waiter/doorbell.hpp>

namespace ferrule::inline v0::net {

/// What one process has of them.
struct doorbells {
    unique_fd mine;    ///< Readable when the other process rings, and for good when it is gone.
    unique_fd theirs;  ///< Written to, to ring there.

    /// For a ring, which uses the descriptors and does not own them.
    [[nodiscard]] waiter::doorbell waiter() const noexcept { return {.mine = mine.get(), .theirs = theirs.get()}; }
};

/// What each of two processes has of a new pair of pipes. One of them makes both, hands `second` over, and closes it:
/// as long as it keeps a copy, the other does not seem to be gone when it is.
struct doorbell_pair {
    doorbells first;
    doorbells second;
};

namespace detail {

struct bell_ends {
    unique_fd in;
    unique_fd out;
};

[[nodiscard]] inline result<bell_ends> make_bell() noexcept {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return failed{errno};
    }
    return bell_ends{unique_fd{ends[0]}, unique_fd{ends[1]}};
}

}  // namespace detail

/// True if what came from somewhere can be what one process has of pipes, none of them twice. A wait on anything else
/// might not tell when the other process is gone, or might never be one.
template <std::size_t Count>
[[nodiscard]] inline bool are_ends_of_pipes(const std::array<const doorbells*, Count>& all) noexcept {
    std::array<struct ::stat, 2 * Count> pipes{};
    std::size_t seen = 0;
    const auto is_another = [&](int fd, int access) noexcept {
        struct ::stat& pipe = pipes[seen++];
        const int flags = ::fcntl(fd, F_GETFL);
        if (flags < 0 || (flags & (O_ACCMODE | O_PATH)) != access || ::fstat(fd, &pipe) != 0 ||
            !S_ISFIFO(pipe.st_mode)) {
            return false;
        }
        return std::none_of(pipes.begin(), pipes.begin() + static_cast<std::ptrdiff_t>(seen) - 1,
                            [&](const auto& one) { return one.st_dev == pipe.st_dev && one.st_ino == pipe.st_ino; });
    };
    return std::all_of(all.begin(), all.end(), [&](const doorbells* one) {
        return is_another(one->mine.get(), O_RDONLY) && is_another(one->theirs.get(), O_WRONLY);
    });
}

/// Makes both pipes; four descriptors, or the system's error and none.
[[nodiscard]] inline result<doorbell_pair> make_doorbells() noexcept {
    auto at_first = detail::make_bell();
    if (!at_first) {
        return failed{at_first.error()};
    }
    auto at_second = detail::make_bell();
    if (!at_second) {
        return failed{at_second.error()};
    }
    doorbell_pair pair;
    pair.first = {std::move(at_first->in), std::move(at_second->out)};
    pair.second = {std::move(at_second->in), std::move(at_first->out)};
    return pair;
}

}  // namespace ferrule::inline v0::net
