// Two processes talk both ways at once while rings overflow, signals arrive a thousand times a second, one of them is
// stopped again and again, and sends are cut short: no byte is lost, doubled or out of order, however often the way
// changes.
//
// FERRULE_SEED repeats the sizes and flags of an earlier run, FERRULE_SOAK_GIB says how much the long form sends.
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "../support/far_stream.hpp"
#include "../support/soak_plan.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

std::atomic<std::uint64_t> ticks{0};
void on_tick(int /*signal*/) { ticks.fetch_add(1, std::memory_order_relaxed); }

/// A thousand signals a second for the thread that makes it. A system call that one interrupts is restarted, or is not.
class ticking {
public:
    explicit ticking(bool restarts) {
        struct ::sigaction how {};
        how.sa_handler = on_tick;
        how.sa_flags = restarts ? SA_RESTART : 0;
        const int signal = restarts ? SIGUSR1 : SIGUSR2;
        ::sigaction(signal, &how, nullptr);
        ::sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event._sigev_un._tid = static_cast<::pid_t>(::syscall(SYS_gettid));
        const ::itimerspec often{{0, 1'000'000}, {0, 1'000'000}};
        made_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
        if (made_) {
            ::timer_settime(timer_, 0, &often, nullptr);
        }
    }
    ticking(const ticking&) = delete;
    ticking& operator=(const ticking&) = delete;
    ~ticking() {
        if (made_) {
            ::timer_delete(timer_);
        }
    }

private:
    ::timer_t timer_{};
    bool made_ = false;
};

/// One conversation.
struct leg {
    soak_program program;
    std::uint64_t bytes;   ///< Each way; none is begun beyond them,
    milliseconds at_most;  ///< nor later.
    unsigned seed;
    bool restarts = false;  ///< System calls, for the senders; for the receivers the other way round.

    [[nodiscard]] int rounds() const noexcept { return static_cast<int>(std::min<std::uint64_t>(bytes / 256, 2000)); }
};

/// What became of it at one end, for the other process to read.
struct report {
    splice::statistics counts;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t cut_short = 0;  ///< Sends that went a part of the way.
    std::uint64_t refused = 0;    ///< Calls that would have had to wait, or that a signal ended.
    std::uint64_t ticks = 0;
    int send_error = 0;
    int receive_error = 0;
    bool in_order = false;
    bool ended = false;
};

/// Mostly small ones, and some as large as they come: 1 B to 1 MiB.
[[nodiscard]] std::size_t some_size(std::minstd_rand& random) {
    const auto octave = random() % 21;
    return 1 + random() % (std::size_t{1} << octave);
}

void send_pieces(net::stream& by, keyed_sender& out, const leg& of, unsigned seed, report& about) {
    std::minstd_rand random{seed};
    const auto first = out.position();
    const auto until = steady_clock::now() + of.at_most;
    while (out.position() - first < of.bytes && steady_clock::now() < until) {
        const std::size_t size = some_size(random);
        const bool waits = random() % 3 != 0;
        const auto sent = out.send(by, size, waits ? 0 : MSG_DONTWAIT);
        if (!sent && sent.error().value() != (waits ? EINTR : EAGAIN)) {
            about.send_error = sent.error().value();
            return;
        }
        about.refused += sent ? 0U : 1U;
        about.cut_short += sent && *sent != size ? 1U : 0U;
    }
}

/// Until the other side has sent its last.
void receive_pieces(net::stream& by, keyed_receiver& in, unsigned seed, report& about) {
    std::minstd_rand random{seed};
    while (in.in_order()) {
        const std::size_t size = some_size(random);
        const bool waits = random() % 3 != 0;
        const auto received = in.receive(by, size, waits ? 0 : MSG_DONTWAIT);
        if (!received && received.error().value() != (waits ? EINTR : EAGAIN)) {
            about.receive_error = received.error().value();
            return;
        }
        if (received && *received == 0) {
            about.ended = true;
            return;
        }
        about.refused += received ? 0U : 1U;
    }
}

/// One end of the conversation, to its end.
[[nodiscard]] report converse(net::stream& by, const leg& of, std::uint64_t mine, std::uint64_t theirs) {
    report about;
    keyed_sender out{mine << 40U};
    keyed_receiver in{theirs << 40U};
    ticks.store(0, std::memory_order_relaxed);
    const auto seed_of = [&](std::uint64_t whose) { return of.seed * 2 + static_cast<unsigned>(whose); };
    const auto finish = [&] {
        if (!by.shutdown(SHUT_WR)) {
            about.send_error = ENOTCONN;
        }
    };
    if (of.program.how == habit::write_first) {
        const ticking restless{of.restarts};
        std::byte more{};
        if (!write_first(by, out, in, of.rounds(), of.program.capacity, seed_of(mine), seed_of(theirs))) {
            about.send_error = EIO;
        }
        finish();
        do {
            const auto last = by.recv({&more, 1});
            about.ended = last.value_or(1) == 0;
            about.receive_error = last.error().value();
        } while (about.receive_error == EINTR);
    } else {
        std::thread sender{[&] {
            const ticking restless{of.restarts};
            send_pieces(by, out, of, seed_of(mine), about);
            finish();
        }};
        report hears;
        {
            const ticking restless{!of.restarts};
            receive_pieces(by, in, seed_of(theirs) * 31, hears);
        }
        sender.join();
        about.receive_error = hears.receive_error;
        about.refused += hears.refused;
        about.ended = hears.ended;
    }
    about.counts = by.stats();
    about.sent = out.position() - (mine << 40U);
    about.received = in.position() - (theirs << 40U);
    about.in_order = in.in_order();
    about.ticks = ticks.load(std::memory_order_relaxed);
    return about;
}

/// Stops a process and lets it go on, at moments that nobody expects, as long as it lives.
class interrupter {
public:
    interrupter(::pid_t whom, milliseconds every, unsigned seed)
        : thread_{[this, whom, every, seed] { run(whom, every, seed); }} {}
    interrupter(const interrupter&) = delete;
    interrupter& operator=(const interrupter&) = delete;
    ~interrupter() { (void)stop(); }

    /// Returns how often it was stopped.
    [[nodiscard]] std::uint64_t stop() {
        {
            const std::lock_guard lock{mutex_};
            done_ = true;
        }
        changed_.notify_one();
        if (thread_.joinable()) {
            thread_.join();
        }
        return stops_;
    }

private:
    void run(::pid_t whom, milliseconds every, unsigned seed) {
        std::minstd_rand random{seed};
        std::unique_lock lock{mutex_};
        const auto pass = [&](std::chrono::microseconds time) {
            return changed_.wait_until(lock, std::chrono::system_clock::now() + time, [this] { return done_; });
        };
        while (!pass(every * (1 + random() % 4))) {
            ::kill(whom, SIGSTOP);
            ++stops_;
            const bool over = pass(std::chrono::microseconds{random() % 4000});
            ::kill(whom, SIGCONT);
            if (over) {
                return;
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
    std::uint64_t stops_ = 0;
    std::thread thread_;  // Last: it uses the others.
};

struct totals {
    std::uint64_t bytes = 0;
    std::uint64_t spills = 0;
    std::uint64_t returns = 0;
    std::uint64_t openings = 0;
    std::uint64_t by_tcp = 0;
    std::uint64_t stops = 0;
    std::uint64_t ticks = 0;
    std::uint64_t cut_short = 0;
    std::uint64_t refused = 0;
    std::uint64_t legs = 0;

    [[nodiscard]] std::uint64_t flips() const noexcept { return spills + returns + openings; }
    void add(const report& of) noexcept {
        bytes += of.received;
        spills += of.counts.sent.spills;
        returns += of.counts.sent.returns;
        openings += of.counts.sent.openings;
        by_tcp += of.counts.sent.bytes_by_tcp;
        ticks += of.ticks;
        cut_short += of.cut_short;
        refused += of.refused;
    }
};

[[nodiscard]] report hear_report(int socket) {
    report theirs;
    if (::recv(socket, &theirs, sizeof theirs, MSG_WAITALL) != static_cast<::ssize_t>(sizeof theirs)) {
        theirs.send_error = EIO;
    }
    return theirs;
}

/// One end said that it sent, and the other that it received: the same, the same way, and in order.
void check(const report& from, const report& to, const leg& of) {
    CHECK(from.send_error == 0);
    CHECK(to.receive_error == 0);
    CHECK(to.in_order);
    CHECK(to.ended);
    CHECK(to.received == from.sent);
    CHECK(from.counts.sent.bytes_by_ring + from.counts.sent.bytes_by_tcp == from.sent);
    CHECK(from.counts.sent.bytes_by_ring == to.counts.received.bytes_by_ring);
    CHECK(from.counts.sent.bytes_by_tcp == to.counts.received.bytes_by_tcp);
    CHECK((of.program.overflow.spills() || from.counts.sent.spills == 0));
}

void walk(connection kind, const leg& of, totals& sum) {
    CAPTURE(to_string(kind));
    CAPTURE(std::string{of.program.name});
    CAPTURE(of.seed);
    far_stream far{
        kind, of.program.options(), [of](net::stream& there, int socket) {
            const report mine = converse(there, of, 2, 1);
            return ::send(socket, &mine, sizeof mine, MSG_NOSIGNAL) == static_cast<::ssize_t>(sizeof mine) ? 0 : 1;
        }};
    const bool often = of.program.how == habit::stalling;
    interrupter stops{far.process.id(), often ? milliseconds{1} : milliseconds{12}, of.seed + 7};
    const report here = converse(far.here, of, 1, 2);
    sum.stops += stops.stop();
    const report there = hear_report(far.process.socket());
    CHECK(far.process.outcome() == "exit 0");
    check(here, there, of);
    check(there, here, of);
    sum.add(here);
    sum.add(there);
    ++sum.legs;
}

void print(const totals& sum, unsigned seed, steady_clock::time_point begun) {
    const auto count = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    const std::chrono::duration<double> took = steady_clock::now() - begun;
    std::printf(
        "soak of two processes, FERRULE_SEED=%u: %llu bytes in order in %.1f s, %llu conversations, %.1f %% by the "
        "socket; %llu flips (%llu spills, %llu returns, %llu openings), %llu stops, %llu signals, %llu sends cut "
        "short, %llu calls not waited for\n",
        seed, count(sum.bytes), took.count(), count(sum.legs),
        100.0 * static_cast<double>(sum.by_tcp) / static_cast<double>(std::max<std::uint64_t>(sum.bytes, 1)),
        count(sum.flips()), count(sum.spills), count(sum.returns), count(sum.openings), count(sum.stops),
        count(sum.ticks), count(sum.cut_short), count(sum.refused));
}

[[nodiscard]] std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}
[[nodiscard]] unsigned a_seed() {
    return static_cast<unsigned>(number_in("FERRULE_SEED", std::random_device{}() % 1'000'000));
}

/// Rings of the usual sizes, through which much can go.
constexpr std::array usual_rings{
    soak_program{"16 KiB, on_full", std::size_t{1} << 14U, on_full, habit::eager},
    soak_program{"64 KiB, on_stall", std::size_t{1} << 16U, on_stall, habit::stalling},
    soak_program{"256 KiB, on_stall(5ms)", std::size_t{1} << 18U, splice::overflow::on_stall(), habit::eager},
    soak_program{"64 KiB, never", std::size_t{1} << 16U, never_spilling, habit::eager},
};

}  // namespace

TEST_CASE("soak: two processes, and bytes that stay in order through thousands of changes of the way") {
    const watchdog watched{"the soak of two processes"};
    const auto begun = steady_clock::now();
    const unsigned seed = a_seed();
    totals sum;
    unsigned next = seed;
    for (const auto kind : connections()) {
        for (const auto& program : tiny_rings) {
            walk(kind, {program, 1U << 20U, milliseconds{150}, ++next, next % 2 == 0}, sum);
        }
        for (const auto& program : usual_rings) {
            walk(kind, {program, 1U << 26U, milliseconds{150}, ++next, next % 2 == 0}, sum);
        }
    }
    print(sum, seed, begun);
    CHECK(sum.flips() >= 2000);
    CHECK(sum.stops != 0);
    CHECK(sum.ticks != 0);
    CHECK(sum.cut_short != 0);
}

TEST_CASE("long: soak of two processes, many gigabytes" * doctest::skip()) {
    const watchdog watched{"the long soak of two processes", std::chrono::seconds{1700}};
    const auto begun = steady_clock::now();
    const unsigned seed = a_seed();
    const std::uint64_t enough = number_in("FERRULE_SOAK_GIB", 20) << 30U;
    totals sum;
    unsigned next = seed;
    for (bool first = true; sum.bytes < enough; first = false) {
        for (const auto kind : connections()) {
            if (first) {
                for (const auto& program : tiny_rings) {
                    walk(kind, {program, 1U << 24U, milliseconds{1000}, ++next, next % 2 == 0}, sum);
                }
            }
            for (const auto& program : usual_rings) {
                walk(kind, {program, std::uint64_t{1} << 28U, milliseconds{20'000}, ++next, next % 2 == 0}, sum);
            }
        }
        print(sum, seed, begun);
    }
    CHECK(sum.bytes >= enough);
    CHECK(sum.flips() >= 10'000);
    CHECK(sum.stops != 0);
    CHECK(sum.ticks != 0);
}
