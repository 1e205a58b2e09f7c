// What a stream between two processes costs in system calls once it is on its rings: nothing, as long as neither side
// has to wait for the other.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <span>

#include <doctest/doctest.h>

#include "../support/far_stream.hpp"
#include "../support/system_calls.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr int messages = 1000;
constexpr std::size_t size = 64;

/// One byte there and back, until what is sent goes by the ring.
bool play_until_on_the_ring(net::stream& by) {
    std::byte ball{};
    while (by.route() != splice::route::ring) {
        if (by.send({&ball, 1}).value_or(0) != 1 || by.recv({&ball, 1}).value_or(0) != 1) {
            return false;
        }
    }
    return true;
}

/// Returns the ball as long as it comes alone, and otherwise runs: takes what comes and never sleeps.
int run_and_receive(net::stream& by, int /*socket*/) {
    std::array<std::byte, 4096> bytes{};
    for (;;) {
        const auto received = by.recv(bytes, MSG_DONTWAIT);
        if (!received && !received.would_block()) {
            return 1;
        }
        if (received && *received == 0) {
            return 0;
        }
        if (received && *received == 1 && !by.send(std::span{bytes}.first(1))) {
            return 2;
        }
    }
}

}  // namespace

TEST_CASE("splice calls: 64 bytes to a receiver in another process that runs are sent without any") {
    const watchdog watched{"counting the calls of a sender"};
    for (const auto kind : {connection::tcp4, connection::tcp6, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        const auto calls = system_calls([kind] {
            far_stream far{kind, {}, run_and_receive};
            const std::array<std::byte, size> message{};
            if (!play_until_on_the_ring(far.here)) {
                return false;
            }
            bool sent = true;
            mark();
            for (int i = 0; i != messages; ++i) {
                sent = sent && far.here.send(message).value_or(0) == size;
            }
            mark();
            sent = sent && far.here.shutdown(SHUT_WR) && far.here.stats().sent.bytes_by_ring >= messages * size;
            return sent && far.process.outcome() == "exit 0";
        });
        if (!calls) {
            MESSAGE("skipped: tracing is not allowed here");
            return;
        }
        CHECK_MESSAGE(calls->empty(), to_string(*calls));
    }
}

TEST_CASE("splice calls: 64 bytes that are there are received without any") {
    const watchdog watched{"counting the calls of a receiver"};
    for (const auto kind : {connection::tcp4, connection::tcp6, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        const auto calls = system_calls([kind] {
            far_stream far{kind, {}, [](net::stream& there, int socket) {
                               const std::array<std::byte, size> message{};
                               bool sent = play_until_on_the_ring(there);
                               for (int i = 0; i != messages; ++i) {
                                   sent = sent && there.send(message).value_or(0) == size;
                               }
                               return sent && say(socket) && hear(socket) ? 0 : 1;
                           }};
            std::array<std::byte, size> message{};
            while (far.here.stats().received.bytes_by_ring == 0) {
                if (far.here.recv(std::span{message}.first(1)).value_or(0) != 1 ||
                    far.here.send(std::span{message}.first(1)).value_or(0) != 1) {
                    return false;
                }
            }
            bool received = hear(far.process.socket());
            mark();
            for (int i = 0; i != messages; ++i) {
                received = received && far.here.recv(message).value_or(0) == size;
            }
            mark();
            return received && say(far.process.socket()) && far.process.outcome() == "exit 0";
        });
        if (!calls) {
            MESSAGE("skipped: tracing is not allowed here");
            return;
        }
        CHECK_MESSAGE(calls->empty(), to_string(*calls));
    }
}
