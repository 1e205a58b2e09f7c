// Elements between two threads arrive whole, once and in order, those that own memory too.
#include <memory>
#include <thread>

#include "../support/pattern.hpp"
#include "../support/ring_matrix.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::size_t capacity = 8;
constexpr std::uint64_t total = 20'000;

/// Five words that belong together: a torn element is one whose words do not.
struct wide {
    explicit wide(std::uint64_t i) noexcept : words{i, pattern_word(i), ~i, pattern_word(~i), i * 3} {}
    [[nodiscard]] bool is(std::uint64_t i) const noexcept {
        return words[0] == i && words[1] == pattern_word(i) && words[2] == ~i && words[3] == pattern_word(~i) &&
               words[4] == i * 3;
    }
    std::uint64_t words[5];
};

}  // namespace

FERRULE_FOR_EACH_RING("element stream: no element is torn, lost, doubled or moved") {
    const watchdog watched{"a stream of wide elements"};
    for (const auto start : starts(capacity)) {
        CAPTURE(start);
        subject<Config, wide, capacity> s{start};
        std::thread sender{[&] {
            for (std::uint64_t i = 0; i != total;) {
                if (s.tx.try_emplace(i)) {
                    ++i;
                } else {
                    (void)s.tx.wait_writable(1, no_deadline);
                }
            }
            s.tx.publish();
        }};
        std::uint64_t wrong = 0;
        for (std::uint64_t i = 0; i != total;) {
            if (const auto popped = s.rx.try_pop()) {
                wrong += popped->is(i++) ? 0U : 1U;
            } else {
                (void)s.rx.wait_readable(1, no_deadline);
            }
        }
        sender.join();
        CHECK(wrong == 0);
    }
}

FERRULE_FOR_EACH_RING("element stream: owners of memory change threads intact") {
    const watchdog watched{"a stream of owners"};
    subject<Config, std::unique_ptr<std::uint64_t>, capacity> s{capacity - 1};
    std::thread sender{[&] {
        for (std::uint64_t i = 0; i != total / 4; ++i) {
            auto owner = std::make_unique<std::uint64_t>(i);
            while (!s.tx.try_push(std::move(owner))) {
                (void)s.tx.wait_writable(1, no_deadline);
            }
        }
        s.tx.close();
    }};
    std::uint64_t wrong = 0;
    std::uint64_t got = 0;
    while (s.rx.wait_readable(1, no_deadline) == status::ok) {
        auto grant = s.rx.peek();
        const std::size_t n = grant.size();
        for (std::size_t i = 0; i != n; ++i) {
            const auto owner = std::move(grant.parts()[i]);
            wrong += *owner == got++ ? 0U : 1U;
        }
        grant.release(n);
    }
    sender.join();
    CHECK(wrong == 0);
    CHECK(got == total / 4);
}
