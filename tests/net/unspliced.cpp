// A stream whose other end nobody adopted is a plain socket: with any peer, and with no system call more.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "../support/script.hpp"
#include "../support/system_calls.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// What one thread can do with both ends of a connection, `a` being the one that matters.
template <class First, class Second>
bool converse(First& a, Second& b) {
    std::array<std::byte, 300> bytes{};
    bool right = true;
    for (std::size_t size = 1; size != 300; ++size) {
        const auto some = std::span{bytes}.first(size);
        right = right && a.send(some).value_or(0) == size && b.recv(bytes).value_or(0) == size;
        right = right && b.send(some, MSG_DONTWAIT).value_or(0) == size && a.recv(some).value_or(0) == size;
        right = right && a.recv(some, MSG_DONTWAIT).would_block();
        right = right && a.send(some, MSG_DONTWAIT).value_or(0) == size && b.recv(some).value_or(0) == size;
    }
    return right && a.shutdown(SHUT_WR) && b.recv(bytes).value_or(1) == 0 && !a.send(bytes, MSG_NOSIGNAL);
}

bool count_conversation(connection kind, equipment with, const net::options& how) {
    return with_ends(kind, with, how, [](auto& a, auto& b) {
        mark();
        const bool right = converse(a, b);
        mark();
        return right;
    });
}

/// The plain program at the other end: sends back what comes, until nothing comes.
[[noreturn]] void echo(int fd) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::array<std::byte, 5000> bytes{};
    for (::ssize_t n = 0; (n = ::recv(fd, bytes.data(), bytes.size(), 0)) > 0;) {
        if (::send(fd, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) {
            ::_exit(1);
        }
    }
    ::_exit(0);
}

}  // namespace

TEST_CASE("unspliced: a stream without a peer makes the system calls of a socket, and no other") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const auto plain = system_calls([&] { return count_conversation(kind, equipment::plain, {}); });
        if (!plain) {
            MESSAGE("no tracing here");
            return;
        }
        const auto one = system_calls([&] { return count_conversation(kind, equipment::one, {}); });
        CAPTURE(to_string(*plain));
        CHECK(plain->size() == 3);  // sendto, recvfrom, shutdown
        CHECK(one == plain);
        net::options how;
        how.pairing = net::pairing::off;
        const auto off = system_calls([&] { return count_conversation(kind, equipment::unopened, how); });
        CHECK(off == plain);
    }
}

TEST_CASE("unspliced: streams on their rings make no system call at all while nobody sleeps") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const auto calls = system_calls([&] {
            auto pair = on_the_ring(connect(kind));
            keyed_sender there;
            keyed_receiver here;
            bool right = there.send_all(pair.first, 300) && here.receive_until(pair.second, 300);  // Allocates.
            mark();
            for (std::size_t size = 1; size != 300; ++size) {
                right = right && there.send_all(pair.first, size) && here.receive_until(pair.second, there.position());
            }
            mark();
            return right;
        });
        if (calls) {
            CHECK(calls->empty());
        }
    }
}

TEST_CASE("unspliced: a plain program in another process is a peer like any other") {
    const watchdog watched{"a plain peer"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        const ::pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ends.connecting.reset();
            echo(ends.accepted.get());
        }
        ends.accepted.reset();
        auto s = net::stream::adopt(ends.connecting.release());
        CHECK(s.why() == net::reason::peer_not_found);
        constexpr std::uint64_t total = std::uint64_t{1} << 21U;
        bool accepted = true;
        std::thread sender{[&] {
            keyed_sender there;
            for (std::size_t size = 1; there.position() != total && accepted; size = size * 2 % 99'991) {
                accepted = there.send_all(s, std::min<std::uint64_t>(size, total - there.position()));
            }
            accepted = accepted && s.shutdown(SHUT_WR);
        }};
        keyed_receiver here;
        CHECK(here.receive_until(s, total));
        CHECK(here.receive(s, 1).value_or(1) == 0);
        sender.join();
        CHECK(accepted);
        int how = 0;
        CHECK(::waitpid(child, &how, 0) == child);
        CHECK((WIFEXITED(how) && WEXITSTATUS(how) == 0));
        CHECK(s.route() == splice::route::tcp);
        CHECK(s.stats().sent.bytes_by_tcp == total);
        CHECK(s.stats().received.bytes_by_tcp == total);
        CHECK(s.stats().sent.bytes_by_ring + s.stats().received.bytes_by_ring == 0);
    }
}
