// Waits end when what they asked for is there, and not before.
#include <array>
#include <thread>

#include "../support/ring_matrix.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

FERRULE_FOR_EACH_RING("wait: ping-pong of every amount, from one to the capacity") {
    const watchdog watched{"ping-pong"};
    constexpr std::size_t capacity = 8;
    for (const auto start : starts(capacity)) {
        CAPTURE(start);
        subject<Config, std::byte, capacity> there{start};
        subject<Config, std::byte, capacity> back{start};
        std::thread echo{[&] {
            std::array<std::byte, capacity> bytes{};
            while (there.rx.wait_readable(1, no_deadline) == status::ok) {
                const std::size_t n = there.rx.try_read(bytes);
                (void)back.tx.try_write(std::span{bytes}.first(n));
                back.tx.publish();
            }
        }};
        std::uint64_t wrong = 0;
        std::array<std::byte, capacity> bytes{};
        for (std::size_t round = 0; round != 400; ++round) {
            const std::size_t n = round % capacity + 1;
            wrong += there.tx.wait_writable(capacity, no_deadline) == status::ok ? 0U : 1U;
            wrong += there.tx.try_write(std::span{bytes}.first(n)) == n ? 0U : 1U;
            there.tx.publish();
            wrong += back.rx.wait_readable(n, no_deadline) == status::ok ? 0U : 1U;
            wrong += back.rx.try_read(bytes) == n ? 0U : 1U;
            back.rx.publish();
        }
        there.tx.close();
        echo.join();
        CHECK(wrong == 0);
    }
}
