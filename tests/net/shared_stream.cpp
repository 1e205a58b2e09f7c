// Several threads in one direction of a stream that lets them: every byte goes once, and nobody who must not wait
// waits.
#include <array>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "../support/caller.hpp"
#include "../support/connected.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

struct shared_pair {
    net::shared_stream first;
    net::shared_stream second;
};

shared_pair adopt_shared(connection kind, std::size_t capacity) {
    auto ends = connect(kind);
    net::options how;
    how.ring_capacity = capacity;
    auto first = net::shared_stream::adopt(ends.connecting.release(), how);
    return {std::move(first), net::shared_stream::adopt(ends.accepted.release(), how)};
}

/// Bytes of a sender's own: it counts up in its half of all values.
class own_bytes {
public:
    explicit own_bytes(unsigned which) noexcept : base_{which * 128} {}
    [[nodiscard]] std::byte next() noexcept { return static_cast<std::byte>(base_ + at_++ % 128); }
    [[nodiscard]] bool is_next(std::byte value) noexcept { return value == next(); }

private:
    unsigned base_;
    unsigned at_ = 0;
};

constexpr std::size_t each_sends = 100'000;

bool send_own(net::shared_stream& by, unsigned which) {
    own_bytes own{which};
    std::array<std::byte, 300> bytes{};
    std::size_t size = 1;
    for (std::size_t sent = 0; sent != each_sends;) {
        const auto some = std::span{bytes}.first(std::min(size, each_sends - sent));
        for (std::byte& byte : some) {
            byte = own.next();
        }
        if (by.send(some, MSG_NOSIGNAL).value_or(0) != some.size()) {
            return false;
        }
        sent += some.size();
        size = size * 7 % 299 + 1;
    }
    return true;
}

using histogram = std::array<std::uint64_t, 256>;

/// Until the end.
std::optional<histogram> receive_all(net::shared_stream& by, int flags) {
    histogram seen{};
    std::array<std::byte, 500> bytes{};
    for (;;) {
        const auto received = by.recv(bytes, flags);
        if (!received) {
            return std::nullopt;
        }
        if (*received == 0) {
            return seen;
        }
        for (const std::byte byte : std::span{bytes}.first(*received)) {
            ++seen[std::to_integer<std::size_t>(byte)];
        }
    }
}

histogram all_of(unsigned senders) {
    histogram expected{};
    for (unsigned which = 0; which != senders; ++which) {
        own_bytes own{which};
        for (std::size_t i = 0; i != each_sends; ++i) {
            ++expected[std::to_integer<std::size_t>(own.next())];
        }
    }
    return expected;
}

constexpr auto kinds = {connection::tcp4, connection::unix_pair};
constexpr std::array capacities{std::size_t{64}, std::size_t{1} << 16U};

}  // namespace

TEST_CASE("shared stream: two threads send, and what each sends arrives in its order") {
    const watchdog watched{"two senders"};
    for (const auto kind : kinds) {
        for (const std::size_t capacity : capacities) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            auto pair = adopt_shared(kind, capacity);
            std::array<bool, 2> sent{};
            std::thread one{[&] { sent[0] = send_own(pair.first, 0); }};
            std::thread other{[&] { sent[1] = send_own(pair.first, 1); }};
            std::array<own_bytes, 2> expected{own_bytes{0}, own_bytes{1}};
            std::array<std::byte, 700> bytes{};
            bool in_order = true;
            for (std::size_t got = 0; got != 2 * each_sends;) {
                const auto n = pair.second.recv(bytes).value_or(0);
                REQUIRE(n != 0);
                for (const std::byte byte : std::span{bytes}.first(n)) {
                    in_order = expected[std::to_integer<std::size_t>(byte) / 128].is_next(byte) && in_order;
                }
                got += n;
            }
            one.join();
            other.join();
            CHECK(in_order);
            CHECK(sent == std::array{true, true});
            CHECK(pair.first.stats().sent.bytes_by_ring + pair.first.stats().sent.bytes_by_tcp == 2 * each_sends);
        }
    }
}

TEST_CASE("shared stream: two threads receive, and every byte goes to one of them") {
    const watchdog watched{"two receivers"};
    for (const auto kind : kinds) {
        for (const std::size_t capacity : capacities) {
            for (const int flags : std::array<int, 2>{0, MSG_WAITALL}) {
                CAPTURE(to_string(kind));
                CAPTURE(capacity);
                CAPTURE(flags);
                auto pair = adopt_shared(kind, capacity);
                std::array<std::optional<histogram>, 2> seen;
                std::thread one{[&] { seen[0] = receive_all(pair.second, flags); }};
                std::thread other{[&] { seen[1] = receive_all(pair.second, flags); }};
                CHECK(send_own(pair.first, 0));
                CHECK(pair.first.shutdown(SHUT_WR));
                one.join();
                other.join();
                REQUIRE((seen[0] && seen[1]));
                for (std::size_t i = 0; i != seen[0]->size(); ++i) {
                    (*seen[0])[i] += (*seen[1])[i];
                }
                CHECK(*seen[0] == all_of(1));
            }
        }
    }
}

TEST_CASE("shared stream: everybody sends and receives at both ends") {
    const watchdog watched{"eight threads"};
    for (const auto kind : kinds) {
        for (const std::size_t capacity : capacities) {
            CAPTURE(to_string(kind));
            CAPTURE(capacity);
            auto pair = adopt_shared(kind, capacity);
            std::array<std::optional<histogram>, 4> seen;
            std::array<bool, 4> sent{};
            std::array<std::atomic<int>, 2> senders{2, 2};
            std::vector<std::thread> threads;
            for (unsigned i = 0; i != 4; ++i) {
                auto& end = i < 2 ? pair.first : pair.second;
                threads.emplace_back([&, i] {
                    sent[i] = send_own(end, i % 2);
                    if (--senders[i / 2] == 0) {
                        sent[i] = end.shutdown(SHUT_WR) && sent[i];
                    }
                });
                threads.emplace_back([&, i] { seen[i] = receive_all(end, 0); });
            }
            for (auto& thread : threads) {
                thread.join();
            }
            CHECK(sent == std::array{true, true, true, true});
            for (const std::size_t end : {0U, 2U}) {
                REQUIRE((seen[end] && seen[end + 1]));
                for (std::size_t i = 0; i != seen[end]->size(); ++i) {
                    (*seen[end])[i] += (*seen[end + 1])[i];
                }
                CHECK(*seen[end] == all_of(2));
            }
        }
    }
}

TEST_CASE(
    "shared stream: who must not wait does not, though another does, and who is in line waits no longer than told") {
    const watchdog watched{"beside a sleeper"};
    for (const auto kind : kinds) {
        for (const bool looked : {false, true}) {
            CAPTURE(to_string(kind));
            CAPTURE(looked);
            auto pair = adopt_shared(kind, 4096);
            std::array<std::byte, 10> bytes{};
            if (looked) {  // Or it sleeps in the kernel's recv.
                CHECK(told(pair.second.recv(bytes, MSG_DONTWAIT)) == "EAGAIN");
            }
            caller<std::string> sleeper{[&] {
                std::array<std::byte, 10> to{};
                return told(pair.second.recv(to, MSG_WAITALL));
            }};
            CHECK(sleeper.sleeps());
            CHECK(told(pair.second.recv(bytes, MSG_DONTWAIT)) == "EAGAIN");
            CHECK(told(pair.second.recv(bytes, MSG_DONTWAIT | MSG_PEEK)) == "EAGAIN");
            const ::timeval limit{0, 20'000};
            REQUIRE(::setsockopt(pair.second.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
            CHECK(told(pair.second.recv(bytes)) == "EAGAIN");
            CHECK(told(pair.first.send(bytes)) == "10");
            CHECK(sleeper.outcome() == "10");
        }
    }
}

TEST_CASE("shared stream: nobody goes over to the ring while another sits in the kernel's recv") {
    const watchdog watched{"rings beside a sleeper in the kernel"};
    for (const auto kind : kinds) {
        CAPTURE(to_string(kind));
        auto ends = connect(kind);
        auto here = net::shared_stream::adopt(ends.accepted.release());
        caller<std::string> sleeper{[&] {
            std::array<std::byte, 10> to{};
            return told(here.recv(to, MSG_WAITALL));
        }};
        CHECK(sleeper.sleeps());
        auto there = net::shared_stream::adopt(ends.connecting.release());
        REQUIRE(there.why() == net::reason::none);
        std::array<std::byte, 10> bytes{};
        for (int i = 0; i != 5; ++i) {
            CHECK(there.send({}));
            CHECK(told(here.recv(bytes, MSG_DONTWAIT)) == "EAGAIN");
        }
        CHECK(there.route() != splice::route::ring);
        CHECK(told(there.send(bytes)) == "10");
        CHECK(sleeper.outcome() == "10");
        // And now everybody may.
        while (there.route() != splice::route::ring) {
            CHECK(there.send({}));
            CHECK(told(here.recv(bytes, MSG_DONTWAIT)) == "EAGAIN");
        }
    }
}
