// One connection changes from the ring to the socket and back thousands of times, and no byte is lost, doubled or out
// of order.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "../support/soak_plan.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// A number that one thread raises, and another waits for.
class progress {
public:
    void to(std::uint64_t value) {
        {
            const std::lock_guard lock{mutex_};
            value_ = value;
        }
        changed_.notify_all();
    }
    void wait_for(std::uint64_t value) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return value_ >= value; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t value_ = 0;
};

/// One direction of the connection.
struct direction {
    net::stream& from;
    net::stream& to;
    keyed_sender sender;
    keyed_receiver receiver;
    bool failed = false;  // The sending thread's.
};

constexpr int rounds = 500;

void send_bursts(direction& way, std::size_t capacity, progress* accepted, progress* taken, unsigned seed) {
    std::minstd_rand random{seed};
    for (int round = 0; round != rounds && !way.failed; ++round) {
        if (taken != nullptr && random() % 4 != 0) {
            taken->wait_for(way.sender.position());
        }
        for (auto pieces = random() % 3 + 1; pieces != 0; --pieces) {
            way.failed = way.failed || !way.sender.send_all(way.from, 1 + random() % (2 * capacity));
        }
        if (accepted != nullptr) {
            accepted->to(way.sender.position());
        }
    }
}

/// The same numbers again: a receiver knows how much is going to be sent.
void receive_bursts(direction& way, std::size_t capacity, progress* accepted, progress* taken, unsigned seed) {
    std::minstd_rand random{seed};
    std::uint64_t position = way.receiver.position();
    for (int round = 0; round != rounds; ++round) {
        if (taken != nullptr) {
            (void)random();
        }
        for (auto pieces = random() % 3 + 1; pieces != 0; --pieces) {
            position += 1 + random() % (2 * capacity);
        }
        if (accepted != nullptr) {
            accepted->wait_for(position);
        }
        if (!way.receiver.receive_until(way.to, position, 1 + static_cast<std::size_t>(round) % 300)) {
            return;
        }
        if (taken != nullptr) {
            taken->to(position);
        }
    }
}

void lap(direction& there, direction& back, std::size_t capacity, habit how, unsigned seed) {
    if (how == habit::write_first) {
        const auto program = [&](direction& out, direction& in, unsigned of_out, unsigned of_in) {
            out.failed = !write_first(out.from, out.sender, in.receiver, rounds, capacity, of_out, of_in);
        };
        std::thread other{[&] { program(back, there, seed + 1, seed); }};
        program(there, back, seed, seed + 1);
        other.join();
        return;
    }
    progress accepted[2];
    progress taken[2];
    taken[0].to(there.receiver.position());
    taken[1].to(back.receiver.position());
    const bool stalls = how == habit::stalling;
    const auto gate = [&](progress& p) { return stalls ? &p : nullptr; };
    std::thread threads[] = {
        std::thread{[&] { send_bursts(there, capacity, gate(accepted[0]), gate(taken[0]), seed); }},
        std::thread{[&] { receive_bursts(there, capacity, gate(accepted[0]), gate(taken[0]), seed); }},
        std::thread{[&] { send_bursts(back, capacity, gate(accepted[1]), gate(taken[1]), seed + 1); }},
        std::thread{[&] { receive_bursts(back, capacity, gate(accepted[1]), gate(taken[1]), seed + 1); }},
    };
    for (auto& thread : threads) {
        thread.join();
    }
}

void soak(connection kind, const soak_program& p, std::chrono::milliseconds at_least) {
    CAPTURE(to_string(kind));
    CAPTURE(std::string{p.name});
    auto pair = on_the_ring(connect(kind), p.options());
    direction there{pair.first, pair.second, keyed_sender{}, keyed_receiver{}};
    constexpr std::uint64_t other = std::uint64_t{1} << 40U;
    direction back{pair.second, pair.first, keyed_sender{other}, keyed_receiver{other}};
    const auto flips = [&] {
        const auto a = pair.first.stats().sent;
        const auto b = pair.second.stats().sent;
        return a.spills + a.returns + b.spills + b.returns;
    };
    // An eager reader empties a ring before it is full, if it is fast enough: then there are few flips, or none.
    const std::uint64_t enough = p.how == habit::eager ? 0 : 1001;
    const auto until = std::chrono::steady_clock::now() + at_least;
    unsigned seed = 1;
    bool right = true;
    while (right && (flips() < enough || std::chrono::steady_clock::now() < until)) {
        lap(there, back, p.capacity, p.how, seed);
        seed += 2;
        right = !there.failed && !back.failed && there.receiver.in_order() && back.receiver.in_order();
    }
    CHECK(right);
    CHECK(there.receiver.position() == there.sender.position());
    CHECK(back.receiver.position() == back.sender.position());
    CHECK(flips() >= enough);
    CHECK((p.overflow.spills() || flips() == 0));
    const std::uint64_t sent[] = {there.sender.position(), back.sender.position() - other};
    const net::stream* const senders[] = {&pair.first, &pair.second};
    const net::stream* const receivers[] = {&pair.second, &pair.first};
    for (int i = 0; i != 2; ++i) {
        const auto out = senders[i]->stats().sent;
        const auto in = receivers[i]->stats().received;
        CHECK(out.bytes_by_ring + out.bytes_by_tcp == sent[i]);
        CHECK(in.bytes_by_ring == out.bytes_by_ring);
        CHECK(in.bytes_by_tcp == out.bytes_by_tcp);
        CHECK(out.bytes_by_ring != 0);
    }
    MESSAGE(to_string(kind), ", ", std::string{p.name}, ": ", sent[0] + sent[1], " bytes, ", flips(), " flips");
}

}  // namespace

TEST_CASE("soak: bytes stay in order through a thousand changes of the way") {
    const watchdog watched{"the soak"};
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const auto& p : tiny_rings) {
            soak(kind, p, std::chrono::milliseconds{100});
        }
    }
}

TEST_CASE("soak: and for a long time, on every kind of connection" * doctest::skip()) {
    const watchdog watched{"the long soak", std::chrono::seconds{600}};
    for (const auto kind : connections()) {
        for (const auto& p : tiny_rings) {
            soak(kind, p, std::chrono::milliseconds{1200});
        }
    }
}
