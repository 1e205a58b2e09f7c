// What examples 05 and 06 have in common: how they find each other, and what they show.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ferrule/fd.hpp>
#include <ferrule/ferrule.hpp>
#include <string>

/// Looks at the ring for as long as a sleep would cost, then sleeps on a pipe.
using shared_bytes =
    ferrule::shared_ring<std::byte, ferrule::waiter::then<ferrule::waiter::spin<>, ferrule::waiter::doorbell>>;

inline int failure(const char* what) {
    std::perror(what);
    return 1;
}

/// An abstract address: nothing in the file system, gone with the socket.
inline sockaddr_un address_of(const char* name, socklen_t& size) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::min(std::strlen(name), sizeof address.sun_path - 1);
    std::memcpy(address.sun_path + 1, name, length);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
    return address;
}

/// Waits for one who visits `name`.
inline ferrule::unique_fd wait_for_visitor(const char* name) {
    socklen_t size = 0;
    const sockaddr_un address = address_of(name, size);
    const ferrule::unique_fd door{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!door || ::bind(door.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(door.get(), 1) != 0) {
        return {};
    }
    return ferrule::unique_fd{::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC)};
}

/// Visits `name`, once somebody is there.
inline ferrule::unique_fd visit(const char* name) {
    socklen_t size = 0;
    const sockaddr_un address = address_of(name, size);
    ferrule::unique_fd host{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    for (int tries = 0; ::connect(host.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0; ++tries) {
        if (errno != ECONNREFUSED || tries == 300) {
            return {};
        }
        ::usleep(100'000);
    }
    return host;
}

/// A line that is written over and over, where somebody looks; and the last word.
class progress {
public:
    progress(const char* verb, std::uint64_t all) : verb_{verb}, all_{all}, shown_{::isatty(STDERR_FILENO) == 1} {}

    void add(std::uint64_t n) {
        done_ += n;
        const std::uint64_t now = percent();
        if (shown_ && now != last_) {
            std::fprintf(stderr, "\r%s %llu%%", verb_, static_cast<unsigned long long>(last_ = now));
        }
    }
    [[nodiscard]] bool complete() const { return done_ == all_; }
    [[nodiscard]] std::uint64_t left() const { return all_ - done_; }

    /// What became of it, as an exit code: 0 if it is complete, else 1, with what `otherwise` says.
    [[nodiscard]] int finish(const char* otherwise) const {
        std::fprintf(stderr, "%s%s %llu of %llu bytes%s%s\n", shown_ ? "\r" : "", verb_,
                     static_cast<unsigned long long>(done_), static_cast<unsigned long long>(all_),
                     complete() ? "" : ": ", complete() ? "" : otherwise);
        return complete() ? 0 : 1;
    }

private:
    [[nodiscard]] std::uint64_t percent() const { return all_ == 0 ? 100 : done_ * 100 / all_; }

    const char* verb_;
    std::uint64_t all_;
    std::uint64_t done_ = 0;
    std::uint64_t last_ = ~std::uint64_t{0};
    bool shown_;
};
