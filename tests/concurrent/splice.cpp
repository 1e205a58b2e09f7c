// A splice between threads: one sends and one receives at each end of a connection, with rings and windows so small
// that the bytes change their way all the time.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <tuple>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>
#include <ferrule/splice/channel.hpp>

#include "../support/restless_platform.hpp"
#include "../support/spliced_pair.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;
using splice::overflow;
using splice::route;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t total = 60'000;
#else
constexpr std::uint64_t total = 300'000;
#endif

using quick = waiter::eventfd;
using fenced = waiter::basic_eventfd<barrier::symmetric>;

/// A thread's own dice.
class dice {
public:
    explicit dice(std::uint32_t seed) noexcept : state_{seed | 1U} {}
    [[nodiscard]] std::uint32_t below(std::uint32_t n) noexcept {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 17U;
        state_ ^= state_ << 5U;
        return state_ % n;
    }
    /// Whether, and how long, a call is to wait.
    template <class Channel>
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() noexcept {
        switch (below(4)) {
            case 0:
                return Channel::at_once;
            case 1:
                return std::chrono::steady_clock::now() + 50us;
            default:
                return no_deadline;
        }
    }

private:
    std::uint32_t state_;
};

template <class Channel>
void talk(talker<Channel>& from, std::uint32_t seed, std::uint32_t largest) {
    dice cast{seed};
    while (from.sent != total && from.errors == 0) {
        const std::uint64_t n = std::min<std::uint64_t>(1 + cast.below(largest), total - from.sent);
        (void)from.send(n, cast.deadline<Channel>());
    }
    (void)from.to->finish_sending();
}

template <class Channel>
void listen(listener<Channel>& at, std::uint32_t seed, std::uint32_t largest) {
    dice cast{seed};
    while (!at.ended && at.errors == 0) {
        (void)at.receive(1 + cast.below(largest), cast.deadline<Channel>());
        if (cast.below(16) == 0) {
            std::this_thread::yield();
        }
    }
}

struct setting {
    std::size_t capacity;
    windows tcp;
    splice::behaviour how;
};

template <class Platform, class Waiter>
struct stream {
    using pair = spliced_pair<Platform, Waiter>;
    using channel = typename pair::channel;

    explicit stream(const setting& s) : ends{s.capacity, s.how, s.tcp} {}

    void carry(bool both_ways, bool offered_first) {
        if (offered_first) {
            ends.offer();
        }
        std::array<std::thread, 4> threads;
        threads[0] = std::thread([this] { talk(from_a, 1, 40); });
        threads[1] = std::thread([this] { listen(at_b, 2, 40); });
        if (both_ways) {
            threads[2] = std::thread([this] { talk(from_b, 3, 40); });
            threads[3] = std::thread([this] { listen(at_a, 4, 40); });
        }
        if (!offered_first) {
            ends.offer();
        }
        for (auto& one : threads) {
            if (one.joinable()) {
                one.join();
            }
        }
        check(from_a, at_b);
        if (both_ways) {
            check(from_b, at_a);
        }
    }

    pair ends;
    talker<channel> from_a{&ends.a};
    talker<channel> from_b{&ends.b};
    listener<channel> at_a{&ends.a};
    listener<channel> at_b{&ends.b};

private:
    void check(const talker<channel>& from, const listener<channel>& at) {
        CHECK(from.sent == total);
        CHECK(at.received == total);
        CHECK(at.wrong == 0);
        CHECK(at.ended);
        CHECK(from.errors + at.errors == 0);
        const auto sent = from.to->counts().sent;
        const auto received = at.from->counts().received;
        CHECK(sent.bytes_by_ring + sent.bytes_by_tcp == total);
        CHECK(sent.bytes_by_ring == received.bytes_by_ring);
        CHECK(sent.bytes_by_tcp == received.bytes_by_tcp);
    }
};

[[nodiscard]] splice::behaviour eager(overflow how) noexcept {
    return {.overflow = how, .busy_poll = 0ns, .opening_patience = 10ms};
}

constexpr delivery deliveries[] = {delivery::at_once, delivery::when_asked};

}  // namespace

TEST_CASE_TEMPLATE_DEFINE("splice: bytes that change their way all the time arrive once and in order", S, flips) {
    std::uint64_t flips = 0;
    for (const delivery how : deliveries) {
        for (const std::size_t capacity : {16U, 32U, 64U}) {
            const watchdog watched{"a splice of two threads"};
            S s{{capacity, {.send = 24, .receive = 16, .how = how}, eager(overflow::on_full())}};
            s.carry(false, capacity != 32);
            flips += s.ends.a.counts().sent.spills;
            // The last spill need not have come back.
            CHECK(s.ends.a.counts().sent.returns + 1 >= s.ends.a.counts().sent.spills);
        }
    }
    CHECK(flips > 2000);
}

TEST_CASE_TEMPLATE_DEFINE("splice: so they do in both directions at once", S, duplex) {
    std::uint64_t flips = 0;
    for (const delivery how : deliveries) {
        const watchdog watched{"a splice of four threads"};
        S s{{16, {.send = 16, .receive = 8, .how = how}, eager(overflow::on_full())}};
        s.carry(true, how == delivery::at_once);
        flips += s.ends.a.counts().sent.spills + s.ends.b.counts().sent.spills;
    }
    CHECK(flips > 1000);
}

TEST_CASE_TEMPLATE_DEFINE("splice: whoever waits before it spills, or never spills, or polls first, loses nothing", S,
                          patient) {
    for (const auto how : {overflow::on_stall(20us), overflow::on_stall(), overflow::never()}) {
        for (const auto busy_poll : {0us, 20us}) {
            const watchdog watched{"a splice of four threads that wait"};
            S s{{16, {.send = 24, .receive = 16}, {.overflow = how, .busy_poll = busy_poll}}};
            s.carry(true, true);
        }
    }
}

TEST_CASE_TEMPLATE_APPLY(flips, std::tuple<stream<detail::native, quick>, stream<detail::native, fenced>,
                                           stream<restless, quick>, stream<restless, fenced>>);
TEST_CASE_TEMPLATE_APPLY(duplex, std::tuple<stream<detail::native, quick>, stream<restless, fenced>>);
TEST_CASE_TEMPLATE_APPLY(patient, std::tuple<stream<detail::native, quick>, stream<restless, quick>>);

TEST_CASE("splice: a direction opens and is left again while both sides are busy") {
    const watchdog watched{"a splice that is opened and closed"};
    std::uint64_t by_ring = 0;
    for (int round = 0; round != 300; ++round) {
        using subject = stream<restless, quick>;
        subject s{{16, {.send = 24, .receive = 16}, eager(overflow::on_full())}};
        std::thread writer{[&] {
            dice cast{static_cast<std::uint32_t>(round) + 1};
            for (int i = 0; i != 100 && s.from_a.errors == 0; ++i) {
                (void)s.from_a.send(1 + cast.below(20), no_deadline);
            }
            s.ends.a.close();
        }};
        std::thread reader{[&] { listen(s.at_b, static_cast<std::uint32_t>(round), 30); }};
        s.ends.offer();
        writer.join();
        reader.join();
        CHECK(s.at_b.received == s.from_a.sent);
        CHECK(s.at_b.wrong == 0);
        CHECK(s.at_b.errors == 0);
        by_ring += s.ends.b.counts().received.bytes_by_ring;
    }
    CHECK(by_ring != 0);
}

TEST_CASE("splice: a reader that closes under a busy writer ends it with TCP's errors") {
    const watchdog watched{"a writer whose reader closes"};
    for (int round = 0; round != 300; ++round) {
        for (const auto how : {overflow::on_full(), overflow::never()}) {
            using subject = stream<restless, quick>;
            subject s{{16, {.send = 24, .receive = 16}, eager(how)}};
            s.ends.offer();
            std::thread writer{[&] {
                while (s.from_a.errors == 0) {
                    (void)s.from_a.send(7, no_deadline);
                }
            }};
            std::thread reader{[&] {
                while (s.at_b.received < 500U + static_cast<unsigned>(round)) {
                    (void)s.at_b.receive(11, no_deadline);
                }
                s.ends.b.close();
            }};
            writer.join();
            reader.join();
            CHECK(s.at_b.wrong == 0);
            CHECK((s.from_a.error == EPIPE || s.from_a.error == ECONNRESET));
            CHECK(s.from_a.send(1, no_deadline) == 0);
        }
    }
}
