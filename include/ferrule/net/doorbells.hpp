// The pipes by which two processes wake each other.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
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
