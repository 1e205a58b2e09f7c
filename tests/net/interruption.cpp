#include <ferrule/net/interruption.hpp>
// The header under test comes first: it must stand alone.
#include <pthread.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "../support/caller.hpp"
#include "../support/in_child.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

std::atomic<int> signals{0};

void install(int signal, int flags) {
    struct ::sigaction act {};
    act.sa_handler = [](int) { ++signals; };
    act.sa_flags = flags;
    REQUIRE(::sigaction(signal, &act, nullptr) == 0);
}

constexpr auto all_equipment = {equipment::plain, equipment::one, equipment::unopened, equipment::ring};

/// A call of `b` that sleeps gets a signal, and then, if that does not end it, what it waits for. What came of it.
template <class Call, class Rescue>
std::string interrupted(int signal, Call call, Rescue rescue) {
    std::atomic<::pthread_t> thread{};
    caller<std::string> sleeper{[&] {
        thread = ::pthread_self();
        return call();
    }};
    for (int i = 0; i != 3 && sleeper.sleeps(); ++i) {
        const int count = signals;
        ::pthread_kill(thread, signal);
        while (signals == count) {
            std::this_thread::yield();
        }
    }
    rescue();
    return sleeper.outcome();
}

/// Of recv(), for every kind of connection and equipment; "all the same: ..." if it was.
template <class Prepare>
std::string interrupted_receivers(int signal, int flags, Prepare prepare) {
    std::string first;
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const auto with : all_equipment) {
            const auto outcome = with_ends(kind, with, {}, [&](auto& a, auto& b) {
                prepare(a, b);
                std::array<std::byte, 5> bytes{};
                std::array<std::byte, 5> to{};
                return interrupted(
                    signal, [&] { return told(b.recv(to, flags)); }, [&] { (void)a.send(bytes, MSG_NOSIGNAL); });
            });
            if (first.empty()) {
                first = outcome;
            } else if (outcome != first) {
                return to_string(kind) + ", " + to_string(with) + ": " + outcome + " instead of " + first;
            }
        }
    }
    return "all the same: " + first;
}

constexpr auto nothing = [](auto& /*a*/, auto& /*b*/) {};
constexpr auto two_bytes = [](auto& a, auto& /*b*/) {
    std::array<std::byte, 2> bytes{};
    REQUIRE(a.send(bytes).value_or(0) == 2);
};
constexpr auto a_limit = [](auto& /*a*/, auto& b) {
    const ::timeval limit{100, 0};
    REQUIRE(::setsockopt(b.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
};

/// In a process that has no other handlers. Prints what was wrong.
template <class Code>
[[nodiscard]] std::string alone(Code code, const std::string& expected) {
    return in_child([&] {
        for (const int signal : {SIGINT, SIGTERM, SIGILL, SIGFPE}) {
            std::signal(signal, SIG_DFL);  // NOLINT: doctest's.
        }
        const std::string outcome = code();
        if (outcome != expected) {
            std::fprintf(stderr, "%s\n", outcome.c_str());
        }
        return outcome == expected ? 0 : 1;
    });
}

}  // namespace

TEST_CASE("interruption: without SA_RESTART a signal ends a wait, with EINTR if nothing came") {
    const watchdog watched{"EINTR"};
    install(SIGUSR1, 0);
    CHECK(interrupted_receivers(SIGUSR1, 0, nothing) == "all the same: EINTR");
    CHECK(interrupted_receivers(SIGUSR1, MSG_WAITALL, nothing) == "all the same: EINTR");
    CHECK(interrupted_receivers(SIGUSR1, MSG_PEEK, nothing) == "all the same: EINTR");
    std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("interruption: what has come counts") {
    const watchdog watched{"a short count"};
    install(SIGUSR1, 0);
    CHECK(interrupted_receivers(SIGUSR1, MSG_WAITALL, two_bytes) == "all the same: 2");
    std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("interruption: with SA_RESTART a wait goes on") {
    const watchdog watched{"SA_RESTART"};
    CHECK(alone(
              [] {
                  install(SIGUSR1, SA_RESTART);
                  return interrupted_receivers(SIGUSR1, 0, nothing);
              },
              "all the same: 5") == "exit 0");
    CHECK(alone(
              [] {
                  install(SIGUSR1, SA_RESTART);
                  install(SIGSEGV, 0);  // Ends no sleep.
                  return interrupted_receivers(SIGUSR1, MSG_PEEK, nothing);
              },
              "all the same: 5") == "exit 0");
}

TEST_CASE("interruption: with a timeout a signal ends a wait in any case") {
    const watchdog watched{"SA_RESTART and a timeout"};
    CHECK(alone(
              [] {
                  install(SIGUSR1, SA_RESTART);
                  return interrupted_receivers(SIGUSR1, 0, a_limit);
              },
              "all the same: EINTR") == "exit 0");
}

TEST_CASE("interruption: a handler that takes itself away ends a wait, and so does one of two kinds") {
    const watchdog watched{"SA_RESETHAND"};
    CHECK(alone(
              [] {
                  install(SIGUSR1, static_cast<int>(SA_RESETHAND));
                  return with_ends(connection::tcp4, equipment::ring, {}, [](auto& a, auto& b) {
                      std::array<std::byte, 5> to{};
                      return interrupted(
                          SIGUSR1, [&] { return told(b.recv(to)); }, [&] { (void)a.send(to); });
                  });
              },
              "EINTR") == "exit 0");
    CHECK(alone(
              [] {
                  install(SIGUSR1, SA_RESTART);
                  install(SIGUSR2, 0);
                  return with_ends(connection::tcp4, equipment::ring, {}, [](auto& a, auto& b) {
                      std::array<std::byte, 5> to{};
                      return interrupted(
                          SIGUSR1, [&] { return told(b.recv(to)); }, [&] { (void)a.send(to); });
                  });
              },
              "EINTR") == "exit 0");
}

TEST_CASE("interruption: a send that waits for room is ended in the same way") {
    const watchdog watched{"an interrupted send"};
    install(SIGUSR1, 0);
    net::options how;
    how.ring_capacity = 4096;
    how.overflow = splice::overflow::never();
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const bool some : {false, true}) {
            for (const auto with : all_equipment) {
                CAPTURE(to_string(kind));
                CAPTURE(to_string(with));
                CAPTURE(some);
                const auto outcome = with_ends(kind, with, how, [&](auto& a, auto& /*b*/) {
                    std::array<std::byte, 4096> bytes{};
                    if (!some) {
                        while (a.send(bytes, MSG_DONTWAIT)) {
                        }
                        while (a.send(std::span{bytes}.first(1), MSG_DONTWAIT)) {
                        }
                    }
                    std::vector<std::byte> much(std::size_t{16} << 20U);
                    return interrupted(
                        SIGUSR1, [&] { return told(a.send(much)); }, [] {});
                });
                if (some) {
                    CHECK(std::strtoull(outcome.c_str(), nullptr, 10) >= 4096);
                    CHECK(std::strtoull(outcome.c_str(), nullptr, 10) < std::size_t{16} << 20U);
                } else {
                    CHECK(outcome == "EINTR");
                }
            }
        }
    }
    std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("interruption: a signal that comes while a call still looks at the ring is handled, and harms nothing") {
    const watchdog watched{"a signal during a spin"};
    install(SIGUSR1, 0);
    net::options how;
    how.busy_poll = std::chrono::seconds{1};  // As long as it may be.
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        auto pair = on_the_ring(connect(kind), how);
        keyed_sender there;
        keyed_receiver here;
        for (int round = 0; round != 50; ++round) {
            // Again and again, so that one comes while it spins and another when it sleeps.
            std::atomic<::pthread_t> thread{};
            std::atomic<bool> returned{false};
            const int before = signals;
            caller<std::string> spinner{[&] {
                thread = ::pthread_self();
                const auto received = here.receive(pair.second, 10);
                returned = true;
                return told(received);
            }};
            while (thread == ::pthread_t{}) {
            }
            while (!returned) {
                ::pthread_kill(thread, SIGUSR1);
                std::this_thread::yield();
            }
            CHECK(spinner.outcome() == "EINTR");
            CHECK(signals > before);
            REQUIRE(there.send_all(pair.first, 10));
            CHECK(here.receive(pair.second, 10).value_or(0) == 10);
        }
        CHECK(here.in_order());
    }
    std::signal(SIGUSR1, SIG_DFL);
}
