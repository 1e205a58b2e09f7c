// One of two processes that splice a connection is killed: before and after every system call of handing over the
// rings and of the stream that follows, and at a thousand moments of a stream in full flow. The other reads what was
// sent, as far as it was, and in order, then the end or a reset; its sends end in an error; and nothing of it stays.
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/net/hand_over.hpp>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/stream.hpp>

#include "../support/far_stream.hpp"
#include "../support/held.hpp"
#include "../support/soak_plan.hpp"
#include "../support/streams.hpp"
#include "../support/system_calls.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using clock_type = std::chrono::steady_clock;

namespace {

/// The other process, in a script that it does not finish.
enum class part : unsigned char { makes, takes };

constexpr std::uint64_t before_the_rings = 300;
constexpr std::uint64_t all_of_it = 6000;
constexpr std::size_t greeting = 10;

[[nodiscard]] bool make_for(net::stream& stream, int socket) {
    auto made = net::shared_joint::make(1024);
    if (!made || !net::send_descriptors(socket, made->there.descriptors())) {
        return false;
    }
    made->there = {};
    return static_cast<bool>(stream.join(std::move(made->here)));
}

/// What the victim does, all of it if it is not killed.
[[nodiscard]] int act(net::stream& by, part which, int socket) {
    keyed_sender out;
    std::array<std::byte, greeting> hello{};
    mark();
    if (!out.send_all(by, before_the_rings) || !(which == part::makes ? make_for(by, socket) : join_by(socket, by)) ||
        by.recv(hello).value_or(0) == 0) {
        return 2;
    }
    while (out.position() != all_of_it) {
        if (!out.send_all(by, std::min<std::uint64_t>(190, all_of_it - out.position()))) {
            return 3;
        }
    }
    return by.shutdown(SHUT_WR) ? 0 : 4;
}

/// What the other one saw.
struct survivor {
    std::uint64_t received = 0;
    bool in_order = false;
    int receive_error = 0;  ///< 0 for the end of the stream.
    int send_error = 0;

    [[nodiscard]] bool was_told() const noexcept {
        return in_order && (receive_error == 0 || receive_error == ECONNRESET) &&
               (send_error == EPIPE || send_error == ECONNRESET);
    }
};

void receive_to_the_end(net::stream& by, survivor& saw) {
    keyed_receiver in;
    for (;;) {
        const auto received = in.receive(by, 1U << 16U);
        if (received.value_or(0) == 0) {
            saw.receive_error = received ? 0 : received.error().value();
            break;
        }
    }
    saw.received = in.position();
    saw.in_order = in.in_order();
}
void send_to_the_end(net::stream& by, survivor& saw) {
    for (keyed_sender out; saw.send_error == 0;) {
        saw.send_error = out.send(by, 700).error().value();
    }
}

/// A process whose `stop`-th stop is its last. It stops before and after each system call behind its first mark.
class traced {
public:
    template <class Code>
    traced(std::uint64_t stop, Code code) : thread_{[this, stop, code] { run(stop, code); }} {
        forked_.wait(false);
    }
    traced(const traced&) = delete;
    traced& operator=(const traced&) = delete;
    ~traced() { end(); }

    void end() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    /// After end().
    [[nodiscard]] bool was_killed() const noexcept { return killed_; }
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    [[nodiscard]] bool not_allowed() const noexcept { return not_allowed_; }

private:
    template <class Code>
    void run(std::uint64_t stop, Code code) {
        const ::pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
                ::_exit(77);
            }
            ::raise(SIGSTOP);
            ::_exit(code());
        }
        forked_.store(true);
        forked_.notify_one();
        int how = 0;
        ::waitpid(child, &how, 0);
        if (WIFSTOPPED(how)) {
            ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
        }
        bool marked = false;
        for (std::uint64_t stops = 0; WIFSTOPPED(how);) {
            int signal = WSTOPSIG(how) == SIGSTOP ? 0 : WSTOPSIG(how);
            if (signal == (SIGTRAP | 0x80)) {
                signal = 0;
                ::__ptrace_syscall_info info{};
                ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
                marked = marked || (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getpgid);
                if (marked && ++stops == stop) {
                    killed_ = true;
                    ::kill(child, SIGKILL);
                }
            }
            ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
            if (::waitpid(child, &how, 0) != child) {
                break;
            }
        }
        not_allowed_ = WIFEXITED(how) && WEXITSTATUS(how) == 77;
        finished_ = WIFEXITED(how) && WEXITSTATUS(how) == 0;
    }

    std::atomic<bool> forked_{false};
    bool killed_ = false;
    bool finished_ = false;
    bool not_allowed_ = false;
    std::thread thread_;  // Last: it uses the others.
};

struct outcome {
    bool killed = false;
    bool finished = false;
    bool not_allowed = false;
    survivor saw;
};

[[nodiscard]] outcome kill_at(connection kind, part victims, std::uint64_t stop) {
    auto ends = connect(kind);
    std::array<int, 2> channel{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel.data()) == 0);
    unique_fd here{channel[0]};
    unique_fd there{channel[1]};
    net::options off;
    off.pairing = net::pairing::off;
    traced victim{stop, [&] {
                      here.reset();
                      ends.connecting.reset();
                      auto by = net::stream::adopt(ends.accepted.release(), off);
                      return act(by, victims, there.get());
                  }};
    there.reset();
    ends.accepted.reset();
    auto by = net::stream::adopt(ends.connecting.release(), off);
    outcome result;
    std::array<std::byte, greeting> hello{};
    (void)by.send(hello, MSG_NOSIGNAL);
    (void)(victims == part::makes ? join_by(here.get(), by) : make_for(by, here.get()));
    receive_to_the_end(by, result.saw);
    send_to_the_end(by, result.saw);
    victim.end();
    result.killed = victim.was_killed();
    result.finished = victim.finished();
    result.not_allowed = victim.not_allowed();
    return result;
}

}  // namespace

TEST_CASE("joint kills: whoever is killed at whatever system call, the other reads a prefix and hears of it") {
    const watchdog dog{"the sweep of kills at system calls", std::chrono::seconds{200}};
    const held before = holds();
    std::uint64_t points = 0;
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const auto victims : {part::makes, part::takes}) {
            CAPTURE(to_string(kind));
            CAPTURE(victims == part::makes);
            std::uint64_t most = 0;
            for (std::uint64_t stop = 1;; ++stop) {
                CAPTURE(stop);
                const auto result = kill_at(kind, victims, stop);
                if (result.not_allowed) {
                    MESSAGE("skipped: tracing is not allowed here");
                    return;
                }
                CHECK(result.saw.was_told());
                CHECK(result.saw.received <= all_of_it);
                most = std::max(most, result.saw.received);
                if (!result.killed) {
                    CHECK(result.finished);
                    CHECK(result.saw.received == all_of_it);
                    break;
                }
                ++points;
                REQUIRE(stop < 2000);
            }
            CHECK(most == all_of_it);
        }
    }
    CHECK(holds() == before);
    CHECK(points >= 200);
    std::printf("kills of a joint: %llu stops before and after system calls\n",
                static_cast<unsigned long long>(points));
}

namespace {

/// What the victim says of itself, in memory that outlives it.
struct last_words {
    std::atomic<std::uint64_t> accepted{0};  ///< Of what it sent, from when all of it went by the ring.
    std::atomic<bool> out_of_order{false};
};

/// Kills this process after `delay`, wherever it is.
void die_after(std::chrono::nanoseconds delay) {
    ::sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    ::timer_t timer{};
    const ::itimerspec once{{0, 0}, {0, std::max<long>(1, delay.count())}};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || ::timer_settime(timer, 0, &once, nullptr) != 0) {
        ::_exit(5);
    }
}

/// Both ways at once, until `delay` after the first byte, or after the first by the ring.
[[nodiscard]] int stream_until_killed(net::stream& by, std::chrono::nanoseconds delay, bool early, unsigned seed,
                                      last_words& words) {
    std::thread receiver{[&] {
        for (keyed_receiver in; in.receive(by, 3000).value_or(0) != 0;) {
            words.out_of_order.store(!in.in_order(), std::memory_order_relaxed);
        }
    }};
    std::minstd_rand random{seed};
    keyed_sender out;
    const auto patience = clock_type::now() + std::chrono::milliseconds{50};
    for (bool counted_down = false; out.send_all(by, 1 + random() % 5000);) {
        const bool on_the_ring = by.route() == splice::route::ring;
        if (!counted_down && (early || on_the_ring || clock_type::now() > patience)) {
            counted_down = true;
            die_after(delay);
        }
        if (on_the_ring) {
            words.accepted.store(out.position(), std::memory_order_relaxed);
        }
    }
    receiver.join();
    return 6;
}

}  // namespace

TEST_CASE("joint kills: at a thousand moments of a stream in full flow") {
    const watchdog dog{"the sweep of kills at any moment", std::chrono::seconds{250}};
    const held before = holds();
    auto* const words =
        new (::mmap(nullptr, sizeof(last_words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
            last_words{};
    constexpr unsigned runs = 1500;
    std::minstd_rand random{1};
    std::uint64_t by_ring = 0;
    std::uint64_t on_the_ring = 0;
    clock_type::duration longest{};
    for (unsigned run = 0; run != runs; ++run) {
        CAPTURE(run);
        constexpr std::array kinds{connection::tcp4, connection::unix_pair};
        constexpr std::array capacities{std::size_t{64}, std::size_t{4096}, std::size_t{1} << 17U};
        const auto kind = kinds.at(run % 2);
        soak_program program{"", capacities.at(run % 3), run / 6 % 2 == 0 ? never_spilling : on_full, habit::eager};
        words->accepted.store(0);
        words->out_of_order.store(false);
        const std::chrono::nanoseconds delay{random() % 1'000'000};
        survivor saw;
        {
            far_stream far{kind, program.options(), [&](net::stream& there, int /*socket*/) {
                               return stream_until_killed(there, delay, run % 8 == 0, run, *words);
                           }};
            const auto life = far.process.life();
            std::thread sender{[&] { send_to_the_end(far.here, saw); }};
            std::thread receiver{[&] { receive_to_the_end(far.here, saw); }};
            ::pollfd dead{life.get(), POLLIN, 0};
            while (::poll(&dead, 1, -1) < 0) {
            }
            const auto begun = clock_type::now();
            sender.join();
            receiver.join();
            longest = std::max(longest, clock_type::now() - begun);
            CHECK(far.process.outcome() == "signal 9");
            by_ring += far.here.stats().received.bytes_by_ring;
        }
        CHECK(saw.was_told());
        CHECK_FALSE(words->out_of_order.load());
        // What went by the ring, or lay in an AF_UNIX queue, is there. TCP drops what it had not delivered.
        if (kind == connection::unix_pair || !program.overflow.spills()) {
            CHECK(saw.received >= words->accepted.load());
        }
        on_the_ring += words->accepted.load() != 0 ? 1U : 0U;
    }
    ::munmap(words, sizeof *words);
    CHECK(holds() == before);
    CHECK(on_the_ring >= runs / 8);
    std::printf(
        "kills of a joint: %u moments, %llu of them on the ring, %llu bytes by it; the survivor was told within %lld "
        "ms\n",
        runs, static_cast<unsigned long long>(on_the_ring), static_cast<unsigned long long>(by_ring),
        static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()));
}
