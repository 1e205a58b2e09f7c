// A call that sleeps is ended by everything that ends it on a plain socket, and by nothing else.
#include <chrono>
#include <functional>
#include <thread>

#include "../support/caller.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr auto all_equipment = {equipment::plain, equipment::one, equipment::unopened, equipment::ring,
                                equipment::tiny_ring};

net::options no_overflow() {
    net::options how;
    how.ring_capacity = 4096;
    how.overflow = splice::overflow::never();
    return how;
}

/// `event(a, b)` is to end b's recv(). What that returned must be what it is on a plain socket.
template <class Event>
void check_parked_recv(const Event& event) {
    for (const auto kind : connections()) {
        std::string as_plain;
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            const auto outcome = with_ends(kind, with, {}, [&](auto& a, auto& b) {
                std::array<std::byte, 100> to{};
                (void)b.recv(to, MSG_DONTWAIT);  // A stream that never looked at its ring sleeps in the kernel's recv.
                caller<std::string> sleeper{[&] {
                    const auto received = b.recv(to);
                    const bool right = is_pattern(std::span{to}.first(received.value_or(0)), 0);
                    return right ? told(received) : "wrong bytes";
                }};
                CHECK(sleeper.sleeps());
                event(a, b);
                return sleeper.outcome();
            });
            as_plain = with == equipment::plain ? outcome : as_plain;
            CHECK(outcome == as_plain);
        }
    }
}

/// Sends until nothing more is accepted.
template <class End>
void fill(End& by) {
    std::array<std::byte, 4096> bytes{};
    while (by.send(bytes, MSG_DONTWAIT)) {
    }
    while (by.send(std::span{bytes}.first(1), MSG_DONTWAIT)) {
    }
}

/// `event(a, b)` is to end a's send(), which found everything full.
template <class Event>
void check_parked_send(const net::options& how, const Event& event) {
    for (const auto kind : connections()) {
        std::string as_plain;
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            const auto outcome = with_ends(kind, with, how, [&](auto& a, auto& b) {
                fill(a);
                caller<std::string> sleeper{[&] {
                    const std::byte one{};
                    return told(a.send({&one, 1}, MSG_NOSIGNAL));
                }};
                CHECK(sleeper.sleeps());
                event(a, b);
                return sleeper.outcome();
            });
            as_plain = with == equipment::plain ? outcome : as_plain;
            if (with > equipment::one && !is_tcp(kind) && as_plain == "ECONNRESET") {
                // The kernel tells a sender that slept in it about the reset, one that comes then about the pipe. Ours
                // comes then; the receiver is told about the reset.
                CHECK(outcome == "EPIPE");
            } else {
                CHECK(outcome == as_plain);
            }
        }
    }
}

template <class Event>
void check_parked_send(const Event& event) {
    check_parked_send(no_overflow(), event);
    net::options spilling;
    spilling.ring_capacity = 4096;
    spilling.overflow = splice::overflow::on_full();
    check_parked_send(spilling, event);
}

}  // namespace

TEST_CASE("parking: a receiver is woken by bytes") {
    const watchdog watched{"a receiver and bytes"};
    check_parked_recv([](auto& a, auto& /*b*/) {
        std::array<std::byte, 3> bytes{};
        fill_pattern(bytes, 0);
        CHECK(a.send(bytes).value_or(0) == 3);
    });
}

TEST_CASE("parking: a receiver that is ready for the ring is woken by bytes that come by the socket") {
    const watchdog watched{"a receiver and bytes by the socket"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.opening_patience = {};
        auto pair = adopt(connect(kind), how);
        keyed_receiver here;
        CHECK(here.receive(pair.second, 10, MSG_DONTWAIT).would_block());
        caller<std::string> sleeper{[&] { return told(here.receive(pair.second, 10)); }};
        CHECK(sleeper.sleeps());
        // What a peer does that has not heard of the ring.
        keyed_sender there;
        const auto bytes = there.next(7);
        CHECK(::send(pair.first.native_handle(), bytes.data(), bytes.size(), 0) == 7);
        CHECK(sleeper.outcome() == "7");
        CHECK(here.in_order());
        CHECK(pair.second.stats().received.bytes_by_tcp == 7);
        CHECK(pair.second.stats().received.sleeps >= 1);
    }
}

TEST_CASE("parking: a receiver is woken by the end of the stream") {
    const watchdog watched{"a receiver and the end of the stream"};
    check_parked_recv([](auto& a, auto& /*b*/) { CHECK(a.shutdown(SHUT_WR)); });
    check_parked_recv([](auto& a, auto& /*b*/) { a.close(); });
    check_parked_recv([](auto& a, auto& /*b*/) { CHECK(a.shutdown(SHUT_RDWR)); });
}

TEST_CASE("parking: a receiver is woken by a reset") {
    const watchdog watched{"a receiver and a reset"};
    check_parked_recv([](auto& a, auto& b) {
        std::array<std::byte, 9> unread{};
        CHECK(b.send(unread).value_or(0) == 9);
        a.close();
    });
}

TEST_CASE("parking: a receiver is woken by its own SHUT_RD, from another thread") {
    const watchdog watched{"a receiver and its own SHUT_RD"};
    check_parked_recv([](auto& /*a*/, auto& b) { CHECK(b.shutdown(SHUT_RD)); });
}

TEST_CASE("parking: a sender is woken by space") {
    const watchdog watched{"a sender and space"};
    check_parked_send([](auto& /*a*/, auto& b) {
        std::vector<std::byte> to(1U << 20U);
        while (b.recv(to, MSG_DONTWAIT)) {
        }
    });
}

TEST_CASE("parking: a sender is woken when the other end closes, whatever is unread") {
    const watchdog watched{"a sender and a close"};
    check_parked_send([](auto& /*a*/, auto& b) { b.close(); });
}

TEST_CASE("parking: on AF_UNIX a sender is told of SHUT_RD, at the latest when what has arrived was read") {
    const watchdog watched{"a sender and SHUT_RD"};
    for (const auto kind : {connection::unix_pair, connection::unix_named}) {
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, no_overflow(), [](auto& a, auto& b) {
                fill(a);
                const std::byte one{};
                caller<std::string> sleeper{[&] { return told(a.send({&one, 1}, MSG_NOSIGNAL)); }};
                CHECK(sleeper.sleeps());
                CHECK(b.shutdown(SHUT_RD));
                std::vector<std::byte> to(1U << 20U);
                while (b.recv(to).value_or(0) != 0) {
                }
                CHECK(sleeper.outcome() == "EPIPE");
                CHECK(told(a.send({&one, 1}, MSG_NOSIGNAL)) == "EPIPE");
            });
        }
    }
}

namespace {

/// What the kernel does to a socket of a program that was killed.
void vanish(int fd) {
    const unique_fd nowhere{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(::dup2(nowhere.get(), fd) == fd);
}

}  // namespace

TEST_CASE("parking: a sender is woken by a reset that nobody announced") {
    const watchdog watched{"a sender and a reset"};
    check_parked_send([](auto& /*a*/, auto& b) {
        const ::linger at_once{1, 0};
        CHECK(::setsockopt(b.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
        vanish(b.native_handle());
    });
}

TEST_CASE("parking: a sender is woken by the end of a program that announced nothing") {
    const watchdog watched{"a sender and a death"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = on_the_ring(connect(kind), no_overflow());
        fill(pair.first);
        const std::byte one{};
        caller<std::string> sleeper{[&] { return told(pair.first.send({&one, 1}, MSG_NOSIGNAL)); }};
        CHECK(sleeper.sleeps());
        vanish(pair.second.native_handle());
        // What was in the socket was read, so all it shows is a FIN: the byte may still be accepted, and is refused.
        const auto outcome = sleeper.outcome();
        CHECK((outcome == "1" || outcome == "EPIPE"));
        ::pollfd entry{pair.first.native_handle(), 0, 0};
        CHECK(::poll(&entry, 1, -1) == 1);
        CHECK(told(pair.first.send({&one, 1}, MSG_NOSIGNAL)) == "EPIPE");
        CHECK(pair.first.route() == splice::route::tcp);
    }
}

TEST_CASE("parking: a sender sleeps through the end of the other direction, and goes on by the ring") {
    const watchdog watched{"a sender and a half-close"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = on_the_ring(connect(kind), no_overflow());
        keyed_sender there;
        keyed_receiver here;
        REQUIRE(there.send_all(pair.first, 4096));
        caller<bool> sleeper{[&] { return there.send_all(pair.first, 10'000); }};
        CHECK(sleeper.sleeps());
        REQUIRE(pair.second.shutdown(SHUT_WR));
        CHECK(sleeper.sleeps());
        CHECK(here.receive_until(pair.second, 14'096));
        CHECK(sleeper.outcome());
        CHECK(pair.first.stats().sent.bytes_by_ring == 14'096);
    }
}

TEST_CASE("parking: who sleeps uses no processor, and wakes for nothing") {
    const watchdog watched{"idle streams"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        auto pair = on_the_ring(connect(kind), no_overflow());
        std::array<std::byte, 4096> bytes{};
        REQUIRE(pair.second.send(bytes).value_or(0) == bytes.size());
        std::array<std::byte, 100> to{};
        caller<std::string> receiver{[&] { return told(pair.second.recv(to)); }};
        caller<std::string> sender{[&] { return told(pair.second.send(std::span{bytes}.first(1))); }};
        REQUIRE(receiver.sleeps());
        REQUIRE(sender.sleeps());
        const auto switches = receiver.switches() + sender.switches();
        const auto time = receiver.processor_time() + sender.processor_time();
        std::this_thread::sleep_for(
            std::chrono::milliseconds{150});  // Something that happens now and then would happen.
        CHECK(receiver.switches() + sender.switches() == switches);
        CHECK(receiver.processor_time() + sender.processor_time() == time);
        REQUIRE(pair.first.send(std::span{bytes}.first(5)));
        CHECK(receiver.outcome() == "5");
        REQUIRE(pair.first.recv(bytes).value_or(0) == bytes.size());
        CHECK(sender.outcome() == "1");
        CHECK(pair.second.stats().received.sleeps == 1);
    }
}
