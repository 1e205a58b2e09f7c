// A stream of bytes between two threads arrives whole and in order, whichever verbs carry it.
#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::size_t capacity = 64;
constexpr std::uint64_t total = 1U << 17U;

template <class Producer>
void send_all(Producer& tx) {
    std::minstd_rand random{1};
    std::array<std::byte, 100> chunk{};
    for (std::uint64_t sent = 0; sent != total;) {
        const std::size_t want = std::min<std::uint64_t>(random() % chunk.size() + 1, total - sent);
        std::size_t n = 0;
        if (random() % 2 == 0) {
            fill_pattern(std::span{chunk}.first(want), sent);
            n = tx.try_write(std::span{chunk}.first(want));
        } else if (auto grant = tx.prepare(1, want)) {
            n = grant.size();
            fill_pattern(grant.parts().front, sent);
            fill_pattern(grant.parts().back, sent + grant.parts().front.size());
            grant.commit(n);
        }
        sent += n;
        if (n == 0) {
            if (tx.wait_writable(1 + random() % 8, no_deadline) != status::ok) {
                return;
            }
        }
    }
    tx.close();
}

/// Returns how many bytes arrived before the first wrong one.
template <class Consumer>
std::uint64_t receive_all(Consumer& rx) {
    std::minstd_rand random{2};
    std::array<std::byte, 100> chunk{};
    std::uint64_t got = 0;
    while (!rx.finished()) {
        std::size_t n = 0;
        if (random() % 2 == 0) {
            n = rx.try_read(std::span{chunk}.first(random() % chunk.size() + 1));
            if (!is_pattern(std::span{chunk}.first(n), got)) {
                return got;
            }
        } else if (auto grant = rx.peek()) {
            n = 1 + random() % grant.size();
            const auto read = grant.parts().first(n);
            if (!is_pattern(read.front, got) || !is_pattern(read.back, got + read.front.size())) {
                return got;
            }
            grant.release(n);
        }
        got += n;
        if (n == 0) {
            (void)rx.wait_readable(1 + random() % 8, no_deadline);
        }
    }
    return got;
}

}  // namespace

FERRULE_FOR_EACH_RING("stream: every byte arrives once, in order") {
    const watchdog watched{"a stream between two threads"};
    for (const auto start : starts(capacity)) {
        CAPTURE(start);
        subject<Config, std::byte, capacity> s{start};
        std::thread sender{[&] { send_all(s.tx); }};
        const std::uint64_t got = receive_all(s.rx);
        if (got != total) {
            s.rx.close();  // Lets the sender finish.
        }
        sender.join();
        CHECK(got == total);
    }
}
