// The other process of a measurement: forked, and asked at the end what it found.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "../support/give_up.hpp"

namespace ferrule::bench {

/// Runs `code()` in another process, which dies with this one. What that returns comes back through report().
template <class Report>
class far_side {
    static_assert(std::is_trivially_copyable_v<Report>);

public:
    template <class Code>
    explicit far_side(Code code) {
        int ends[2];
        if (::pipe(ends) != 0) {
            give_up("pipe");
        }
        std::fflush(stdout);
        id_ = ::fork();
        if (id_ < 0) {
            give_up("fork");
        }
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(ends[0]);
            const Report found = code();
            ::_exit(::write(ends[1], &found, sizeof found) == sizeof found ? 0 : 1);
        }
        ::close(ends[1]);
        reports_ = ends[0];
    }
    far_side(const far_side&) = delete;
    far_side& operator=(const far_side&) = delete;
    ~far_side() {
        if (id_ > 0) {
            ::kill(id_, SIGKILL);
            ::waitpid(id_, nullptr, 0);
        }
        ::close(reports_);
    }

    /// Waits for its end. If it has none to give, it said why: ends this program as well.
    [[nodiscard]] Report report() {
        Report found{};
        const bool whole = ::read(reports_, &found, sizeof found) == sizeof found;
        ::waitpid(id_, nullptr, 0);
        id_ = 0;
        if (!whole) {
            std::fprintf(stderr, "the other process failed\n");
            std::exit(1);
        }
        return found;
    }

private:
    ::pid_t id_ = 0;
    int reports_ = -1;
};

}  // namespace ferrule::bench
