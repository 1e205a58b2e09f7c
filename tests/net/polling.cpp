// What event loops are told: as of a plain socket, and nothing is slept over, whichever way the bytes go.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::uint32_t all_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

[[nodiscard]] bool is_readable(int fd) {
    ::pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

[[nodiscard]] std::string names_of(std::uint32_t mask) {
    std::string all;
    constexpr std::array<std::pair<std::uint32_t, const char*>, 5> names{
        {{EPOLLIN, "IN "}, {EPOLLOUT, "OUT "}, {EPOLLRDHUP, "RDHUP "}, {EPOLLHUP, "HUP "}, {EPOLLERR, "ERR "}}};
    for (const auto& [bit, name] : names) {
        all += (mask & bit) != 0 ? name : "";
    }
    return all;
}

/// What poll(2) says of a plain socket.
[[nodiscard]] std::uint32_t mask_of(const plain_end& end) {
    ::pollfd entry{end.native_handle(), POLLIN | POLLOUT | POLLRDHUP, 0};
    (void)::poll(&entry, 1, 0);
    return static_cast<std::uint32_t>(static_cast<unsigned short>(entry.revents));
}
/// What a stream says; and its descriptor must say the same, of whatever is asked for.
[[nodiscard]] std::uint32_t mask_of(net::stream& end) {
    const std::uint32_t mask = end.ready();
    const int fd = end.poll_fd();
    // A hang-up comes with what it implies; alone it is shown whatever is asked for, by epoll as by us at first.
    for (const std::uint32_t wanted :
         {0U, unsigned{EPOLLIN}, unsigned{EPOLLOUT}, unsigned{EPOLLRDHUP}, unsigned{EPOLLIN | EPOLLRDHUP}, all_events,
          unsigned{EPOLLHUP}, unsigned{EPOLLERR}}) {
        end.watch(wanted);
        CAPTURE(names_of(wanted));
        CAPTURE(names_of(mask));
        if (end.ready() == mask) {
            CHECK(is_readable(fd) == ((mask & wanted) != 0));
        }
    }
    end.watch(EPOLLIN | EPOLLRDHUP);
    return mask;
}

/// As run_script(), with the masks of both ends behind every step.
template <class First, class Second>
[[nodiscard]] std::string masks_of(std::string_view script, First& a, Second& b) {
    test::detail::position of_a{0, 1000};
    test::detail::position of_b{1000, 0};
    std::istringstream lines{std::string{script}};
    std::string all;
    for (std::string line; std::getline(lines, line, ';');) {
        std::istringstream words{line};
        std::string who;
        std::string verb;
        std::size_t size = 0;
        words >> who >> verb >> size;
        all += line + ": ";
        if (verb != "masks") {
            all += who == "a" ? test::detail::perform(a, verb, size, of_a) : test::detail::perform(b, verb, size, of_b);
        } else {
            all += who == "a" ? names_of(mask_of(a)) : names_of(mask_of(b));
        }
        all += "\n";
    }
    return all;
}

void check_masks(std::string_view script) {
    for (const auto kind : connections()) {
        const auto as_plain =
            with_ends(kind, equipment::plain, {}, [&](auto& a, auto& b) { return masks_of(script, a, b); });
        for (const auto with : {equipment::one, equipment::unopened, equipment::ring}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            CHECK(with_ends(kind, with, {}, [&](auto& a, auto& b) { return masks_of(script, a, b); }) == as_plain);
        }
    }
}

}  // namespace

TEST_CASE("polling: the masks are those of a plain socket, whatever became of the connection") {
    const watchdog watched{"masks"};
    check_masks("a masks; b masks");
    check_masks("a send 10; a arrives; b masks; a masks; b recv 4; b masks; b recv 6; b masks");
    check_masks("a send 10; a arrives; b recv 10; b masks; a masks; b send 5; b arrives; a masks; a recv 5; a masks");
    check_masks(
        "a shut_wr; b sees_fin; a masks; b masks; b recv 1; b masks; b send 5; b arrives; a masks; a recv 5; a masks");
    check_masks(
        "a send 10; a shut_wr; b sees_fin; b masks; b recv 10; b masks; b recv 1; b masks; b shut_wr; a sees_fin; a "
        "masks; b masks");
    check_masks("b shut_rd; b masks; a masks; b recv 1; b masks");
    check_masks("a send 10; a arrives; b shut_rd; b masks; a masks; b recv 10; b masks; b recv 1; b masks");
    check_masks("b shut_wr; b masks; a sees_fin; a masks");
    check_masks("b shut_rdwr; b masks; a sees_fin; a masks; a recv 1; a masks");
    check_masks(
        "b close; a sees_fin; a masks; a recv 1; a masks; a send 1; a sees_end; a masks; a send 1; a masks; a recv 1; "
        "a masks");
    check_masks("a send 10; a arrives; b close; a sees_end; a masks; a recv 1; a masks; a recv 1; a masks");
    check_masks("a send 10; a arrives; b close; a sees_end; a masks; a send 1; a masks; a send 1; a masks");
    check_masks("b send 10; b arrives; b close; a sees_fin; a masks; a recv 10; a masks; a recv 1; a masks");
    check_masks("a shut_wr; b sees_fin; b shut_wr; a sees_fin; a masks; b masks; a recv 1; b recv 1; a masks; b masks");
    check_masks("a send 0; a masks; b masks; b try_recv 1; b masks");
}

namespace {

enum class way : unsigned char { level, edge, polled, selected, nested };
constexpr std::array ways{way::level, way::edge, way::polled, way::selected, way::nested};
[[nodiscard]] std::string to_string(way how) {
    constexpr std::array names{"level", "edge", "poll", "select", "nested"};
    return names[static_cast<std::size_t>(how)];
}

/// What a program waits with, for one descriptor.
class event_loop {
public:
    event_loop(way how, int fd) : how_{how}, fd_{fd}, outer_{::epoll_create1(0)}, inner_{::epoll_create1(0)} {
        ::epoll_event what{};
        what.events = EPOLLIN | (how == way::edge ? unsigned{EPOLLET} : 0U);
        const int watching = how == way::nested ? inner_.get() : outer_.get();
        REQUIRE(::epoll_ctl(watching, EPOLL_CTL_ADD, fd, &what) == 0);
        if (how == way::nested) {
            REQUIRE(::epoll_ctl(outer_.get(), EPOLL_CTL_ADD, inner_.get(), &what) == 0);
        }
    }
    /// False if there was nothing within `milliseconds`; -1: for ever.
    bool wait(int milliseconds = -1) const {
        if (how_ == way::polled) {
            ::pollfd entry{fd_, POLLIN, 0};
            return ::poll(&entry, 1, milliseconds) == 1;
        }
        if (how_ == way::selected) {
            ::fd_set set;
            FD_ZERO(&set);
            FD_SET(fd_, &set);
            ::timeval rest{milliseconds / 1000, milliseconds % 1000 * 1000};
            return ::select(fd_ + 1, &set, nullptr, nullptr, milliseconds < 0 ? nullptr : &rest) == 1;
        }
        ::epoll_event what{};
        const bool some = ::epoll_wait(outer_.get(), &what, 1, milliseconds) == 1;
        if (some && how_ == way::nested) {
            (void)::epoll_wait(inner_.get(), &what, 1, 0);
        }
        return some;
    }

private:
    way how_;
    int fd_;
    unique_fd outer_;
    unique_fd inner_;
};

class dice {
public:
    explicit dice(std::uint32_t seed) noexcept : state_{seed | 1U} {}
    [[nodiscard]] std::uint32_t below(std::uint32_t n) noexcept {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 17U;
        state_ ^= state_ << 5U;
        return state_ % n;
    }

private:
    std::uint32_t state_;
};

/// One end's program, of one thread: sends `total` bytes and receives as many, and never waits but in its event loop.
struct program {
    net::stream* s;
    way how;
    std::size_t total;
    std::size_t piece;
    std::uint32_t seed;
    bool asks = true;     ///< What is ready, before it calls.
    bool fickle = false;  ///< Changes its mind about what it waits for.

    keyed_sender out{};
    keyed_receiver in{};
    std::size_t moves = 0;
    std::size_t wakes = 0;
    std::size_t idle_wakes = 0;  ///< For nothing at all.
    int error = 0;

    [[nodiscard]] bool done() const { return out.position() == total && in.position() == total; }

    void run() {
        const event_loop loop{how, s->poll_fd()};
        dice cast{seed};
        while (!done() && error == 0 && in.in_order()) {
            const bool has_more = out.position() != total;
            if (fickle && cast.below(4) == 0) {
                s->watch(cast.below(32));
            }
            s->watch(EPOLLIN | EPOLLRDHUP | (has_more ? unsigned{EPOLLOUT} : 0U));
            (void)loop.wait();
            ++wakes;
            const std::size_t before = moves;
            if (how == way::edge) {
                while (receive(cast)) {
                }
                while (send(cast)) {
                }
            } else {
                const std::uint32_t mask = asks ? s->ready() : EPOLLIN | EPOLLOUT;
                if ((mask & EPOLLIN) != 0) {
                    (void)receive(cast);
                }
                if ((mask & EPOLLOUT) != 0 && has_more) {
                    (void)send(cast);
                }
            }
            idle_wakes += moves == before ? 1U : 0U;
        }
    }

private:
    bool receive(dice& cast) {
        const auto got = in.receive(*s, 1 + cast.below(static_cast<std::uint32_t>(piece)), MSG_DONTWAIT);
        return note(got);
    }
    bool send(dice& cast) {
        const std::size_t n =
            std::min<std::size_t>(1 + cast.below(static_cast<std::uint32_t>(piece)), total - out.position());
        return n != 0 && note(out.send(*s, n, MSG_DONTWAIT));
    }
    bool note(const result<std::size_t>& outcome) {
        if (!outcome && !outcome.would_block()) {
            error = outcome.error().value();
        } else if (outcome && *outcome == 0) {
            error = -1;
        }
        moves += outcome.value_or(0) != 0 ? 1U : 0U;
        return outcome.value_or(0) != 0;
    }
};

struct traffic {
    way how = way::level;
    std::size_t total = std::size_t{1} << 20U;
    std::size_t piece = 1U << 12U;
    net::options options{};
    bool asks = true;
    bool fickle = false;
    bool opened = true;
    connection kind = connection::tcp4;
};

/// How the bytes went, of all that was carried.
std::uint64_t by_ring = 0;
std::uint64_t by_tcp = 0;

void carry(const traffic& t) {
    const watchdog watched{"traffic between event loops"};
    auto pair = t.opened ? on_the_ring(connect(t.kind), t.options) : adopt(connect(t.kind), t.options);
    program a{&pair.first, t.how, t.total, t.piece, 1, t.asks, t.fickle};
    program b{&pair.second, t.how, t.total, t.piece, 2, t.asks, t.fickle};
    std::thread other{[&] { b.run(); }};
    a.run();
    other.join();
    CAPTURE(to_string(t.how));
    CAPTURE(t.options.ring_capacity);
    CAPTURE(t.options.overflow.spill_after().count());
    CAPTURE(t.asks);
    for (const program* p : {&a, &b}) {
        CHECK(p->done());
        CHECK(p->in.in_order());
        CHECK(p->error == 0);
        CHECK(p->idle_wakes <= 2 * (a.moves + b.moves) + 100);
    }
    by_ring += pair.first.stats().sent.bytes_by_ring + pair.second.stats().sent.bytes_by_ring;
    by_tcp += pair.first.stats().sent.bytes_by_tcp + pair.second.stats().sent.bytes_by_tcp;
}

}  // namespace

TEST_CASE("polling: nothing is slept over, however the program waits") {
    by_ring = by_tcp = 0;
    for (const auto how : ways) {
        for (const std::size_t capacity : {std::size_t{16}, std::size_t{1} << 12U, std::size_t{1} << 18U}) {
            for (const auto overflow :
                 {splice::overflow::never(), splice::overflow::on_full(), splice::overflow::on_stall()}) {
                for (const bool asks : {true, false}) {
                    traffic t{.how = how, .total = capacity == 16 ? 1U << 13U : 1U << 19U, .asks = asks};
                    t.options.ring_capacity = capacity;
                    t.options.overflow = overflow;
                    t.fickle = asks;
                    carry(t);
                }
            }
        }
    }
    CHECK(by_ring > std::uint64_t{8} << 20U);
    CHECK(by_tcp != 0);
}

TEST_CASE("polling: nor is what comes by the socket, before there are rings and whatever it is") {
    for (const auto kind : connections()) {
        for (const auto how : ways) {
            traffic t{.how = how, .total = 1U << 19U, .fickle = how == way::level, .opened = false, .kind = kind};
            carry(t);
            t.options.pairing = net::pairing::off;
            carry(t);
        }
    }
}

TEST_CASE("polling: an idle pair wakes nobody, and one that is written to wakes its reader once per message") {
    const watchdog watched{"an idle pair"};
    for (const auto kind : connections()) {
        auto pair = on_the_ring(connect(kind));
        const event_loop loop{way::level, pair.second.poll_fd()};
        const event_loop other{way::level, pair.first.poll_fd()};
        CHECK_FALSE(loop.wait(10));
        CHECK_FALSE(other.wait(0));
        keyed_sender out;
        keyed_receiver in;
        for (int i = 0; i != 100; ++i) {
            REQUIRE(out.send_all(pair.first, 10));
            CHECK(loop.wait());
            CHECK(in.receive(pair.second, 100, MSG_DONTWAIT).value_or(0) == 10);
            CHECK_FALSE(loop.wait(0));
            CHECK_FALSE(other.wait(0));
        }
        // A burst, of which a program reads a little at a time, is shown until nothing is left.
        REQUIRE(out.send_all(pair.first, 50));
        for (int i = 0; i != 50; ++i) {
            CHECK(loop.wait(0));
            CHECK(in.receive(pair.second, 1, MSG_DONTWAIT).value_or(0) == 1);
        }
        CHECK_FALSE(loop.wait(0));
        CHECK(in.in_order());
    }
}

TEST_CASE("polling: a program that reads nothing is told so, and one that does not ask for it is not") {
    const watchdog watched{"unread bytes"};
    for (const auto kind : connections()) {
        for (const bool by_ring_first : {true, false}) {
            auto pair = by_ring_first ? on_the_ring(connect(kind)) : adopt(connect(kind));
            const int fd = pair.second.poll_fd();
            keyed_sender out;
            REQUIRE(out.send_all(pair.first, 10));
            CHECK(event_loop{way::level, fd}.wait());
            for (const std::uint32_t unwanted : {0U, unsigned{EPOLLRDHUP}, unsigned{EPOLLHUP | EPOLLERR}}) {
                pair.second.watch(unwanted);
                CHECK_FALSE(is_readable(fd));
                REQUIRE(out.send_all(pair.first, 10));
                CHECK_FALSE(is_readable(fd));
            }
            pair.second.watch(EPOLLIN);
            CHECK(is_readable(fd));
            // An end that was not asked for, and that does not go away.
            pair.second.watch(EPOLLOUT);
            CHECK(is_readable(fd));
            REQUIRE(pair.first.shutdown(SHUT_WR));
            pair.second.watch(EPOLLHUP);
            CHECK_FALSE(is_readable(fd));
            pair.second.watch(EPOLLRDHUP);
            CHECK(event_loop{way::level, fd}.wait());
        }
    }
}

TEST_CASE("polling: a full ring is not writable, and is again when it was read") {
    const watchdog watched{"a full ring"};
    for (const auto kind : connections()) {
        net::options how;
        how.ring_capacity = 1U << 12U;
        how.overflow = splice::overflow::never();
        auto pair = on_the_ring(connect(kind), how);
        const int fd = pair.first.poll_fd();
        pair.first.watch(EPOLLOUT);
        keyed_sender out;
        keyed_receiver in;
        CHECK(is_readable(fd));
        while (out.send(pair.first, 100, MSG_DONTWAIT)) {
            CHECK(is_readable(fd) == (out.position() != how.ring_capacity));
        }
        CHECK(out.position() == how.ring_capacity);
        CHECK(pair.first.ready() == 0);
        CHECK_FALSE(is_readable(fd));
        CHECK(out.send(pair.first, 100, MSG_DONTWAIT).would_block());
        CHECK_FALSE(is_readable(fd));
        CHECK(in.receive_until(pair.second, out.position()));
        CHECK(is_readable(fd));
        CHECK(pair.first.ready() == EPOLLOUT);
        CHECK(out.send(pair.first, 100, MSG_DONTWAIT).value_or(0) == 100);
        // A peer that closes ends that, too.
        while (out.send(pair.first, 100, MSG_DONTWAIT)) {
        }
        CHECK_FALSE(is_readable(fd));
        pair.second.close();
        CHECK(event_loop{way::level, fd}.wait());
        CHECK((pair.first.ready() & EPOLLOUT) != 0);
        CHECK(out.send(pair.first, 100, MSG_DONTWAIT).error().value() != EAGAIN);
    }
}

TEST_CASE("polling: a ring that stays full is left for the socket after a while, and the program is told") {
    const watchdog watched{"a stall"};
    for (const auto how : ways) {
        net::options options;
        options.ring_capacity = 1U << 12U;
        options.overflow = splice::overflow::on_stall(std::chrono::milliseconds{20});
        auto pair = on_the_ring(connect(connection::tcp4), options);
        const event_loop loop{how, pair.first.poll_fd()};
        pair.first.watch(EPOLLOUT);
        keyed_sender out;
        while (out.send(pair.first, 100, MSG_DONTWAIT)) {
        }
        CHECK(out.position() == options.ring_capacity);
        CHECK(loop.wait());
        while (out.send(pair.first, 100, MSG_DONTWAIT).would_block()) {
            CHECK(loop.wait());
        }
        CHECK(pair.first.stats().sent.spills == 1);
        keyed_receiver in;
        CHECK(in.receive_until(pair.second, out.position()));
        CHECK(loop.wait());
        CHECK(out.send_all(pair.first, 100));
        CHECK(in.receive_until(pair.second, out.position()));
    }
}

TEST_CASE("polling: two that both send before they receive get on") {
    net::options options;
    options.ring_capacity = 1U << 10U;
    for (const auto how : ways) {
        const watchdog watched{"both send first"};
        auto pair = on_the_ring(connect(connection::tcp4), options);
        const auto program = [&](net::stream& s) {
            const event_loop loop{how, s.poll_fd()};
            keyed_sender out;
            keyed_receiver in;
            constexpr std::size_t total = 1U << 17U;
            s.watch(EPOLLOUT);
            while (out.position() != total) {
                while (!out.send(s, total - out.position(), MSG_DONTWAIT)) {
                    (void)loop.wait();
                }
            }
            s.watch(EPOLLIN);
            while (in.position() != total && in.in_order()) {
                while (!in.receive(s, total, MSG_DONTWAIT)) {
                    (void)loop.wait();
                }
            }
            return in.in_order();
        };
        bool there = false;
        std::thread other{[&] { there = program(pair.second); }};
        const bool here = program(pair.first);
        other.join();
        CHECK(here);
        CHECK(there);
    }
}

TEST_CASE("polling: one thread sends, another receives, and a third waits and asks") {
    for (const bool blocks : {true, false}) {
        const watchdog watched{"three threads"};
        net::options options;
        options.ring_capacity = 1U << 12U;
        auto pair = on_the_ring(connect(connection::tcp4), options);
        constexpr std::size_t total = std::size_t{1} << 20U;
        const int fd = pair.first.poll_fd();
        std::atomic<bool> over{false};
        std::atomic<bool> asked{false};
        keyed_sender there;
        keyed_sender back;
        keyed_receiver here;
        keyed_receiver far;
        bool sent = false;
        bool received = false;
        std::thread sender{[&] { sent = there.send_all(pair.first, total); }};
        std::thread receiver{[&] {
            const event_loop loop{way::level, fd};
            received = true;
            while (here.position() != total && received) {
                if (!blocks && here.receive(pair.first, 1000, MSG_DONTWAIT).would_block()) {
                    (void)loop.wait(1000);
                } else if (blocks) {
                    received = here.receive(pair.first, 1000).value_or(0) != 0;
                }
            }
        }};
        std::thread third{[&] {
            const event_loop loop{way::level, fd};
            dice cast{3};
            while (!over) {
                (void)loop.wait(1);
                asked = true;
                pair.first.watch(EPOLLIN | (cast.below(2) == 0 ? unsigned{EPOLLOUT} : 0U));
                (void)pair.first.ready();
            }
        }};
        std::thread echo{[&] { (void)back.send_all(pair.second, total); }};
        CHECK(far.receive_until(pair.second, total));
        for (auto* one : {&sender, &receiver, &echo}) {
            one->join();
        }
        over = true;
        third.join();
        CHECK(sent);
        CHECK(received);
        CHECK(asked);
        CHECK(here.in_order());
        CHECK(here.position() == total);
        CHECK(pair.first.poll_fd() == fd);
    }
}

TEST_CASE("polling: without a descriptor ready() tells the same, and watch() is remembered") {
    for (const auto kind : connections()) {
        auto pair = on_the_ring(connect(kind));
        keyed_sender out;
        CHECK(pair.second.ready() == EPOLLOUT);
        REQUIRE(out.send_all(pair.first, 10));
        CHECK(pair.second.ready() == (EPOLLIN | EPOLLOUT));
        pair.second.watch(EPOLLRDHUP);
        CHECK_FALSE(is_readable(pair.second.poll_fd()));
        pair.second.watch(EPOLLIN);
        CHECK(is_readable(pair.second.poll_fd()));
        auto moved = std::move(pair.second);
        CHECK(moved.poll_fd() >= 0);
        CHECK(is_readable(moved.poll_fd()));
        moved.close();
        CHECK(moved.poll_fd() == -1);
        CHECK(moved.ready() == 0);
    }
}

TEST_CASE("polling: whoever waits for more is woken for what is so already, edges or not") {
    const watchdog watched{"more events"};
    for (const auto how : ways) {
        for (const bool spliced : {true, false}) {
            net::options options;
            options.pairing = spliced ? net::pairing::automatic : net::pairing::off;
            auto pair =
                spliced ? on_the_ring(connect(connection::tcp4), options) : adopt(connect(connection::tcp4), options);
            const event_loop loop{how, pair.second.poll_fd()};
            keyed_sender out;
            keyed_receiver in;
            REQUIRE(out.send_all(pair.first, 10));
            CHECK(loop.wait());
            CHECK(in.receive_until(pair.second, 10));
            CHECK(in.receive(pair.second, 1, MSG_DONTWAIT).would_block());
            pair.second.watch(EPOLLIN | EPOLLOUT);
            CHECK(loop.wait(5000));
            pair.second.watch(EPOLLIN);
            CHECK_FALSE(loop.wait(0));
            REQUIRE(out.send_all(pair.first, 10));
            CHECK(loop.wait(5000));
        }
    }
}

TEST_CASE("polling: a half-close that is known keeps nobody busy who waits for a full ring") {
    const watchdog watched{"a stale RDHUP"};
    for (const auto kind : connections()) {
        net::options how;
        how.ring_capacity = 1U << 12U;
        how.overflow = splice::overflow::never();
        auto pair = on_the_ring(connect(kind), how);
        const int fd = pair.first.poll_fd();
        pair.first.watch(EPOLLOUT);
        keyed_sender out;
        keyed_receiver in;
        while (out.send(pair.first, 100, MSG_DONTWAIT)) {
        }
        REQUIRE(pair.second.shutdown(SHUT_WR));
        ::pollfd entry{pair.first.native_handle(), POLLRDHUP, 0};
        REQUIRE(::poll(&entry, 1, -1) == 1);
        CHECK((pair.first.ready() & EPOLLOUT) == 0);
        CHECK_FALSE(is_readable(fd));
        CHECK(in.receive_until(pair.second, out.position()));
        CHECK(is_readable(fd));
    }
}
