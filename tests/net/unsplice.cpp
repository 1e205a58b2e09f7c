// Going back to the socket, in every state of the rings, and what can be done with the descriptor then.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr auto at_once = std::chrono::steady_clock::time_point::min();

/// Receives what is in the way, until the stream has left its rings. False if it ended before.
[[nodiscard]] bool leave(net::stream& s, keyed_receiver& in) {
    for (;;) {
        const status left = s.unsplice();
        if (left != status::stalled) {
            return left == status::ok;
        }
        if (in.receive(s, 1000).value_or(0) == 0) {
            return false;
        }
    }
}

/// The same bytes, by the descriptor itself.
[[nodiscard]] bool send_raw(int fd, keyed_sender& out, std::size_t size) {
    std::vector<std::byte> bytes(size);
    fill_pattern(bytes, out.position());
    const bool sent = ::send(fd, bytes.data(), size, MSG_NOSIGNAL) == static_cast<::ssize_t>(size);
    out = keyed_sender{out.position() + size};
    return sent;
}
[[nodiscard]] bool receive_raw(int fd, keyed_receiver& in, std::uint64_t until) {
    std::vector<std::byte> bytes(1U << 16U);
    while (in.position() != until) {
        const auto n = ::recv(fd, bytes.data(), std::min<std::size_t>(bytes.size(), until - in.position()), 0);
        if (n <= 0) {
            return false;
        }
        in.accept(std::span{bytes}.first(static_cast<std::size_t>(n)));
    }
    return in.in_order();
}

/// Both ends, and what each has sent and received.
struct conversation {
    stream_pair ends;
    keyed_sender from_a{};
    keyed_sender from_b{};
    keyed_receiver at_a{};
    keyed_receiver at_b{};
};

/// Both ends have left: bytes go both ways, with one end or both by the descriptor.
void check_raw_use(conversation& c, bool both) {
    const int a = c.ends.first.native_handle();
    const int b = c.ends.second.native_handle();
    for (int i = 0; i != 3; ++i) {
        CHECK(send_raw(a, c.from_a, 1000));
        CHECK((both ? receive_raw(b, c.at_b, c.from_a.position())
                    : c.at_b.receive_until(c.ends.second, c.from_a.position())));
        CHECK((both ? send_raw(b, c.from_b, 1000) : c.from_b.send_all(c.ends.second, 1000)));
        CHECK(receive_raw(a, c.at_a, c.from_b.position()));
    }
}

/// Both ends look for each other again, and find each other.
void check_pairing_again(conversation& c) {
    CHECK(c.ends.first.pair_again() != net::reason::none);
    CHECK(c.ends.second.pair_again() == net::reason::none);
    CHECK(c.ends.first.why() == net::reason::none);
    open(c.ends.first, c.ends.second);
    open(c.ends.second, c.ends.first);
    CHECK(c.from_a.send_all(c.ends.first, 3));
    CHECK(c.from_b.send_all(c.ends.second, 3));
    CHECK(c.at_a.receive_until(c.ends.first, c.from_b.position()));
    CHECK(c.at_b.receive_until(c.ends.second, c.from_a.position()));
    CHECK(c.ends.first.stats().sent.bytes_by_ring == 3);
    CHECK(c.ends.second.stats().sent.bytes_by_ring == 3);
}

[[nodiscard]] net::options tiny() {
    net::options how;
    how.ring_capacity = 4;
    how.overflow = splice::overflow::on_full();
    return how;
}

}  // namespace

TEST_CASE("unsplice: two that both leave are plain sockets, and can be spliced again") {
    const watchdog watched{"both leave"};
    for (const auto kind : connections()) {
        for (const bool opened : {true, false}) {
            for (const auto& how : {net::options{}, tiny()}) {
                conversation c{opened ? on_the_ring(connect(kind), how) : adopt(connect(kind), how)};
                for (int round = 0; round != 3; ++round) {
                    CHECK(c.from_a.send_all(c.ends.first, 10));
                    CHECK(c.from_b.send_all(c.ends.second, 10));
                    bool left = false;
                    std::thread other{[&] { left = leave(c.ends.second, c.at_b); }};
                    CHECK(leave(c.ends.first, c.at_a));
                    other.join();
                    CHECK(left);
                    CHECK(c.ends.first.why() == net::reason::unspliced);
                    CHECK(c.ends.first.route() == splice::route::tcp);
                    check_raw_use(c, true);
                    check_pairing_again(c);
                }
            }
        }
    }
}

TEST_CASE("unsplice: the other end agrees in its next send, and goes on by the socket") {
    const watchdog watched{"the other end agrees"};
    for (const auto kind : connections()) {
        conversation c{on_the_ring(connect(kind))};
        CHECK(c.from_b.send_all(c.ends.second, 10));
        CHECK(c.from_a.send_all(c.ends.first, 10));
        CHECK(c.ends.first.unsplice(at_once) == status::stalled);
        CHECK_FALSE(c.ends.first.release());
        CHECK(c.at_a.receive_until(c.ends.first, 10));
        CHECK(c.ends.first.unsplice(at_once) == status::timed_out);
        CHECK(c.ends.first.unsplice(std::chrono::steady_clock::now() + std::chrono::milliseconds{5}) ==
              status::timed_out);
        CHECK(c.ends.first.pair_again() == net::reason::unspliced);
        CHECK(c.ends.first.native_handle() >= 0);
        // Going on as ever.
        CHECK(c.from_a.send_all(c.ends.first, 10));
        CHECK(c.at_b.receive_until(c.ends.second, 20));
        CHECK(c.from_b.send_all(c.ends.second, 10));
        CHECK(c.ends.first.unsplice(at_once) == status::ok);
        CHECK(receive_raw(c.ends.first.native_handle(), c.at_a, 20));
        check_raw_use(c, false);
        CHECK(c.ends.second.unsplice(at_once) == status::ok);
        check_raw_use(c, true);
        check_pairing_again(c);
    }
}

TEST_CASE("unsplice: in the middle of traffic in both directions, of which no byte is lost") {
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const std::size_t capacity : {std::size_t{4}, std::size_t{1} << 12U, std::size_t{1} << 18U}) {
            for (const std::uint64_t here : {0U, 1000U, 100'000U}) {
                for (const auto overflow :
                     {splice::overflow::never(), splice::overflow::on_full(), splice::overflow::on_stall()}) {
                    const watchdog watched{"unsplice under traffic"};
                    net::options how;
                    how.ring_capacity = capacity;
                    how.overflow = overflow;
                    conversation c{on_the_ring(connect(kind), how)};
                    constexpr std::size_t total = 300'000;
                    // Never waits for anybody else: sends, and receives, as long as there is something to.
                    std::atomic<bool> has_left{false};
                    bool sent = false;
                    bool received = false;
                    std::thread sender{[&] {
                        sent = true;
                        for (std::size_t n = 0; sent && n != 300; ++n) {
                            sent = c.from_b.send_all(c.ends.second, total / 300);
                        }
                        // It agrees in a call of the sending thread.
                        while (sent && !has_left) {
                            sent = bool{c.ends.second.send({})};
                            std::this_thread::yield();
                        }
                    }};
                    std::thread receiver{[&] { received = c.at_b.receive_until(c.ends.second, total); }};
                    const auto at = capacity == 4 ? here / 100 : here;
                    CHECK(c.from_a.send_all(c.ends.first, at));
                    CHECK(c.at_a.receive_until(c.ends.first, at));
                    CHECK(leave(c.ends.first, c.at_a));
                    has_left = true;
                    const int fd = c.ends.first.native_handle();
                    bool sent_raw = false;
                    std::thread raw{[&] { sent_raw = send_raw(fd, c.from_a, total - at); }};
                    CHECK(receive_raw(fd, c.at_a, total));
                    for (auto* one : {&raw, &sender, &receiver}) {
                        one->join();
                    }
                    CHECK(sent_raw);
                    CHECK(sent);
                    CHECK(received);
                    CHECK(leave(c.ends.second, c.at_b));
                    check_raw_use(c, true);
                    check_pairing_again(c);
                }
            }
        }
    }
}

TEST_CASE("unsplice: a released descriptor is a socket as any other, and can be adopted again") {
    const watchdog watched{"released"};
    for (const auto kind : connections()) {
        auto ends = connect(kind);
        const int a = ends.connecting.get();
        conversation c{on_the_ring(std::move(ends))};
        CHECK(c.from_a.send_all(c.ends.first, 100));
        bool left = false;
        std::thread other{[&] { left = leave(c.ends.second, c.at_b); }};
        CHECK(leave(c.ends.first, c.at_a));
        other.join();
        CHECK(left);
        auto first = c.ends.first.release();
        auto second = c.ends.second.release();
        REQUIRE(first);
        REQUIRE(second);
        CHECK(first->get() == a);
        CHECK(c.ends.first.native_handle() == -1);
        CHECK(c.ends.first.send({}).error().value() == EBADF);
        CHECK(c.ends.first.release().error().value() == EBADF);
        CHECK(receive_raw(second->get(), c.at_b, 100));
        CHECK(send_raw(second->get(), c.from_b, 10));
        c.ends = adopt({std::move(*first), std::move(*second)});
        CHECK(c.at_a.receive_until(c.ends.first, 10));
        open(c.ends.first, c.ends.second);
        CHECK(c.from_a.send_all(c.ends.first, 10));
        CHECK(c.at_b.receive_until(c.ends.second, 110));
        CHECK(c.ends.first.stats().sent.bytes_by_ring == 10);
    }
}

TEST_CASE("unsplice: one that has no rings has none to leave, and gets none afterwards") {
    for (const auto kind : connections()) {
        auto ends = connect(kind);
        auto a = net::stream::adopt(ends.connecting.release());
        CHECK(a.unsplice() == status::ok);
        auto b = net::stream::adopt(ends.accepted.release());
        CHECK(b.why() == net::reason::peer_not_found);
        const auto released = a.release();
        CHECK(released);
        CHECK(b.pair_again() == net::reason::peer_not_found);
    }
}

TEST_CASE("unsplice: an end, of whatever kind, is as good as an agreement") {
    const watchdog watched{"unsplice at the end"};
    for (const auto kind : connections()) {
        for (const bool half : {true, false}) {
            conversation c{on_the_ring(connect(kind))};
            CHECK(c.from_b.send_all(c.ends.second, 10));
            if (half) {
                REQUIRE(c.ends.second.shutdown(SHUT_WR));
            } else {
                c.ends.second.close();
            }
            CHECK(c.ends.first.unsplice() == status::stalled);
            CHECK(c.at_a.receive_until(c.ends.first, 10));
            CHECK(c.ends.first.unsplice() == status::ok);
            std::byte none{};
            CHECK(::recv(c.ends.first.native_handle(), &none, 1, 0) == 0);
            c.ends.first.close();
            CHECK(c.ends.first.unsplice() == status::closed);
        }
    }
}

TEST_CASE("unsplice: one that only receives need not agree") {
    const watchdog watched{"a mere receiver"};
    for (const auto kind : connections()) {
        conversation c{adopt(connect(kind))};
        open(c.ends.first, c.ends.second);
        CHECK(c.from_a.send_all(c.ends.first, 100));
        std::byte none{};
        CHECK(c.ends.first.recv({&none, 1}, MSG_DONTWAIT).would_block());
        CHECK(c.ends.first.unsplice() == status::ok);
        CHECK(send_raw(c.ends.first.native_handle(), c.from_a, 100));
        CHECK(c.at_b.receive_until(c.ends.second, 200));
        CHECK(c.from_b.send_all(c.ends.second, 100));
        CHECK(receive_raw(c.ends.first.native_handle(), c.at_a, 100));
    }
}

TEST_CASE("unsplice: an end with an event loop agrees in any call, and goes on with the same descriptor") {
    const watchdog watched{"unsplice and event loops"};
    for (const auto kind : connections()) {
        for (const bool asks : {true, false}) {
            conversation c{on_the_ring(connect(kind))};
            const int fd = c.ends.second.poll_fd();
            const int here = c.ends.first.poll_fd();
            bool agreed = false;
            std::thread other{[&] { agreed = leave(c.ends.first, c.at_a); }};
            // It is woken for that.
            ::pollfd entry{fd, POLLIN, 0};
            CHECK(::poll(&entry, 1, -1) == 1);
            if (asks) {
                CHECK(c.ends.second.ready() == EPOLLOUT);
            } else {
                CHECK(c.at_b.receive(c.ends.second, 1, MSG_DONTWAIT).would_block());
            }
            other.join();
            CHECK(agreed);
            CHECK(::poll(&entry, 1, 0) == 0);
            CHECK(send_raw(c.ends.first.native_handle(), c.from_a, 10));
            CHECK(::poll(&entry, 1, -1) == 1);
            CHECK(c.at_b.receive_until(c.ends.second, 10));
            CHECK(::poll(&entry, 1, 0) == 0);
            CHECK(leave(c.ends.second, c.at_b));
            check_pairing_again(c);
            CHECK(c.ends.second.poll_fd() == fd);
            CHECK(c.ends.first.poll_fd() == here);
            CHECK(::poll(&entry, 1, 0) == 0);
            CHECK(c.from_a.send_all(c.ends.first, 10));
            CHECK(::poll(&entry, 1, -1) == 1);
            CHECK(c.ends.second.ready() == (EPOLLIN | EPOLLOUT));
        }
    }
}
