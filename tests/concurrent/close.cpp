// Nothing that was written before a close is lost, however close behind it the close comes.
#include <array>
#include <thread>

#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("close: the last bytes are read before the end is seen") {
    const watchdog watched{"close behind the last bytes"};
    std::uint64_t wrong = 0;
    for (std::uint64_t round = 0; round != 300; ++round) {
        subject<Config, std::byte, 16> s{starts(16)[round % 4]};
        const std::size_t n = 1 + round % 16;
        std::thread sender{[&] {
            std::array<std::byte, 16> bytes{};
            fill_pattern(bytes, 0);
            (void)s.tx.try_write(std::span{bytes}.first(n));
            s.tx.close();
        }};
        std::array<std::byte, 16> got{};
        std::size_t count = 0;
        while (!s.rx.finished()) {
            count += s.rx.try_read(std::span{got}.subspan(count));
        }
        wrong += count == n && is_pattern(std::span{got}.first(count), 0) ? 0U : 1U;
        sender.join();
    }
    CHECK(wrong == 0);
}

FERRULE_FOR_EACH_RING("close: a consumer that leaves ends a producer's wait") {
    const watchdog watched{"a producer waiting for a consumer that left"};
    for (int round = 0; round != 50; ++round) {
        subject<Config, int, 1> s;
        CHECK(s.tx.try_push(1));
        std::thread leaves{[&] { s.rx.close(); }};
        CHECK(s.tx.wait_writable(1, no_deadline) == status::closed);
        leaves.join();
    }
}
