// Two builds of this program, by different compilers at different levels, share rings: one makes them and starts the
// other, which finds the memory and the doorbells at the descriptors named below.
//
//     program takes BUILD...      both directions, by futex and by doorbell, with each of the builds
//     program refuses BUILD...    each of the builds has another layout, and must refuse what this one makes
//     program attach END WAITER   what it starts
//
// Plain main(), so that five builds of it take seconds.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <ferrule/ferrule.hpp>
#include <ferrule/net/doorbells.hpp>

#include "../../support/pattern.hpp"

namespace {

using namespace ferrule;
using memory_of_bytes = storage::shared<std::byte>;
using ferrule::test::fill_pattern;
using ferrule::test::is_pattern;
using ferrule::test::pattern_word;

/// Where a started program finds what it was given.
enum given : int { memory_fd = 3, bell_fd = 4, peers_bell_fd = 5 };

/// How it ends. Nothing else exits so by accident.
enum ending : int { streamed = 40, streamed_wrong, attached, refused_version, refused_otherwise };

constexpr std::uint64_t stream_size = 300'000;
/// Small, and no multiple of what is written at once, so that everything wraps and everybody sleeps.
constexpr std::size_t capacity = 512;

template <class Producer>
[[nodiscard]] bool send_all(Producer tx) {
    std::array<std::byte, 700> piece{};
    for (std::uint64_t sent = 0; sent != stream_size;) {
        const auto n = static_cast<std::size_t>(
            std::min<std::uint64_t>(1 + pattern_word(sent) % piece.size(), stream_size - sent));
        fill_pattern(std::span{piece}.first(n), sent);
        for (std::span<const std::byte> rest = std::span{piece}.first(n); !rest.empty();) {
            rest = rest.subspan(tx.try_write(rest));
            if (!rest.empty() && tx.wait_writable(1, no_deadline) != status::ok) {
                return false;
            }
        }
        sent += n;
    }
    tx.close();
    return true;
}

template <class Consumer>
[[nodiscard]] bool receive_all(Consumer rx) {
    std::array<std::byte, 900> piece{};
    std::uint64_t received = 0;
    while (rx.wait_readable(1, no_deadline) == status::ok) {
        const std::size_t n = rx.try_read(std::span{piece}.first(1 + pattern_word(~received) % piece.size()));
        if (!is_pattern(std::span{piece}.first(n), received)) {
            return false;
        }
        received += n;
    }
    return received == stream_size && rx.finished();
}

template <class Waiter>
[[nodiscard]] bool stream(memory_of_bytes memory, Waiter waiter) {
    shared_ring<std::byte, Waiter> ring{std::move(memory), waiter};
    return ring.storage().mine() == role::producer ? send_all(ring.claim_producer())
                                                   : receive_all(ring.claim_consumer());
}

using by_futex = waiter::futex<futex_scope::process_shared, barrier::symmetric>;

[[nodiscard]] bool stream(memory_of_bytes memory, std::string_view waiter, waiter::doorbell bells) {
    return waiter == "futex" ? stream(std::move(memory), by_futex{}) : stream(std::move(memory), bells);
}

int attach(std::string_view end, std::string_view waiter) {
    auto memory = memory_of_bytes::attach(unique_fd{memory_fd}, end == "producer" ? role::producer : role::consumer);
    if (!memory) {
        std::printf("    refused: %s\n", memory.error().message().c_str());
        return memory.error() == refusal::other_version ? refused_version : refused_otherwise;
    }
    if (waiter == "nothing") {
        return attached;
    }
    const bool good = stream(std::move(*memory), waiter, {.mine = bell_fd, .theirs = peers_bell_fd});
    return good ? streamed : streamed_wrong;
}

/// Starts `build` with these three descriptors and no other.
[[nodiscard]] ::pid_t start(const char* build, const char* end, const char* waiter, std::array<int, 3> give) {
    const ::pid_t child = ::fork();
    if (child != 0) {
        return child;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Out of the way first: one of them may be where another is to go.
    for (int& fd : give) {
        fd = ::fcntl(fd, F_DUPFD_CLOEXEC, peers_bell_fd + 1);
    }
    for (int i = 0; i != 3; ++i) {
        ::dup2(give[static_cast<std::size_t>(i)], memory_fd + i);
    }
    ::execl(build, build, "attach", end, waiter, nullptr);
    std::perror(build);
    ::_exit(127);
}

[[nodiscard]] int ending_of(::pid_t child) {
    int how = 0;
    while (::waitpid(child, &how, 0) != child) {
    }
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

[[nodiscard]] std::string name_of(const char* build) {
    return std::string{build}.substr(std::string{build}.rfind('/') + 1);
}

/// One ring, made here, with `build` at the other end. True if it went as it should.
[[nodiscard]] bool share(const char* build, role mine, const char* waiter, ending expected) {
    auto memory = memory_of_bytes::create(capacity, mine);
    auto bells = net::make_doorbells();
    if (!memory || !bells) {
        std::fprintf(stderr, "nothing to share\n");
        return false;
    }
    const ::pid_t child = start(build, mine == role::producer ? "consumer" : "producer", waiter,
                                {memory->fd(), bells->second.mine.get(), bells->second.theirs.get()});
    bells->second = {};  // Copies here would hide its death.
    memory->close_fd();
    memory->watch_peer(unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))});
    const bool good = expected != streamed || stream(std::move(*memory), waiter, bells->first.waiter());
    const int how = ending_of(child);
    if (!good || how != expected) {
        std::fprintf(stderr, "with %s, which has the %s and waits by %s: %s, and it ended with %d instead of %d\n",
                     build, mine == role::producer ? "consumer" : "producer", waiter, good ? "well here" : "wrong here",
                     how, static_cast<int>(expected));
    }
    return good && how == expected;
}

int share_with(const char* me, std::span<char* const> builds, ending expected) {
    int rings = 0;
    const bool streams = expected == streamed;
    for (const char* const build : builds) {
        for (const role mine : {role::producer, role::consumer}) {
            for (const char* const waiter : {streams ? "futex" : "nothing", streams ? "doorbell" : "nothing"}) {
                if (!share(build, mine, waiter, expected)) {
                    return 1;
                }
                ++rings;
            }
        }
        std::printf("  %s, %s: %s\n", name_of(me).c_str(), name_of(build).c_str(),
                    streams ? "every byte in order" : "refused, as another version");
        std::fflush(stdout);
    }
    std::printf("process: %d rings shared with %zu builds, %s\n", rings, builds.size(),
                streams ? "all streams whole" : "all refused");
    return rings == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    ::alarm(60);  // Whoever hangs is killed, and so is whom it started.
    const std::span<char* const> arguments{argv, static_cast<std::size_t>(argc)};
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "attach" && argc == 4) {
        return attach(argv[2], argv[3]);
    }
    if (what == "takes" || what == "refuses") {
        return share_with(argv[0], arguments.subspan(2), what == "takes" ? streamed : refused_version);
    }
    std::fprintf(stderr, "usage: %s takes|refuses BUILD...\n", argv[0]);
    return 2;
}
