// Any string of bytes is a program of operations on one ring; it runs against a std::deque that says what must come
// out. The same body serves the unit test (random programs) and the fuzzer (programs it finds).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <span>

#include <ferrule/ferrule.hpp>

#include "archetypes.hpp"
#include "pattern.hpp"

namespace ferrule::test {

class op_sequence {
public:
    /// Runs `program`. Prints and aborts where ring and model disagree.
    static void run(std::span<const std::uint8_t> program) {
        op_sequence ops{program};
        const std::uint8_t kind = ops.next();
        switch (kind % 4) {
            case 0:
                ops.with_cursor<cursor::direct>();
                break;
            case 1:
                ops.with_cursor<cursor::cached>();
                break;
            case 2:
                ops.with_cursor<cursor::batched<5>>();
                break;
            default:
                ops.with_cursor<holds_back>();
                break;
        }
    }

private:
    explicit op_sequence(std::span<const std::uint8_t> program) : program_{program} {}

    [[nodiscard]] std::uint8_t next() noexcept {
        if (program_.empty()) {
            return 0;
        }
        const std::uint8_t op = program_.front();
        program_ = program_.subspan(1);
        return op;
    }

    template <class Cursor>
    void with_cursor() {
        publishes_late_ = !Cursor::publish_now(0);
        const std::size_t capacity = std::size_t{1} << (next() % 7U);
        const std::array<std::uint64_t, 4> starts{0, capacity - 1, (std::uint64_t{1} << 32U) - 3,
                                                  ~std::uint64_t{0} - 2};
        heap_ring<> ring{capacity, {}, starting_at{starts[next() % 4U]}};
        auto tx = ring.claim_producer<Cursor>();
        auto rx = ring.claim_consumer<Cursor>();
        while (!program_.empty()) {
            const std::uint8_t op = next();
            const std::size_t n = next() % 80U;
            switch (op % 12) {
                case 0:
                    write(tx, n);
                    break;
                case 1:
                    read(rx, n);
                    break;
                case 2:
                    push(tx);
                    break;
                case 3:
                    pop(rx);
                    break;
                case 4:
                    prepare_and_commit(tx, n, next());
                    break;
                case 5:
                    peek_and_release(rx, n, next());
                    break;
                case 6:
                    tx.publish();
                    break;
                case 7:
                    rx.publish();
                    break;
                case 8:
                    tx = {};
                    tx = ring.claim_producer<Cursor>();
                    break;
                case 9:
                    rx = {};
                    rx = ring.claim_consumer<Cursor>();
                    break;
                case 10:
                    observe(tx, rx);
                    break;
                default:
                    close_one(tx, rx, n);
                    break;
            }
            expect(ring.size_guess() <= capacity, "size_guess beyond the capacity");
        }
        drain(tx, rx);
    }

    template <class Producer>
    void write(Producer& tx, std::size_t n) {
        std::array<std::byte, 80> bytes{};
        fill_pattern(std::span{bytes}.first(n), sent_);
        sent(tx, tx.try_write(std::span{bytes}.first(n)), n);
    }
    template <class Producer>
    void push(Producer& tx) {
        sent(tx, tx.try_push(pattern_byte(sent_)) ? 1U : 0U, 1);
    }
    template <class Producer>
    void prepare_and_commit(Producer& tx, std::size_t n, std::size_t part) {
        const std::size_t min = part % (n + 1);
        auto grant = tx.prepare(min, n);
        expect(!grant || (grant.size() >= min && grant.size() <= n), "a grant outside of what was asked for");
        const std::size_t committed = part % (grant.size() + 1);
        for (std::size_t i = 0; i != committed; ++i) {
            grant.parts()[i] = pattern_byte(sent_ + i);
        }
        const bool some = static_cast<bool>(grant);
        const bool could = min != 0 && min <= tx.capacity() - model_.size() && !tx_closed_ && !rx_closed_;
        expect(some || !could || publishes_late_, "no grant although there is room");
        grant.commit(committed);
        if (some) {
            sent(tx, committed, committed);
        }
    }
    template <class Producer>
    void sent(Producer& tx, std::size_t n, std::size_t asked) {
        expect(n <= asked, "more went in than was given");
        expect(n == 0 || !(tx_closed_), "written after close");
        for (std::size_t i = 0; i != n; ++i) {
            model_.push_back(pattern_byte(sent_ + i));
        }
        sent_ += n;
        expect(model_.size() <= tx.capacity(), "more went in than the ring holds");
        if (!rx_closed_ && !tx_closed_ && n < asked) {
            expect(publishes_late_ || model_.size() == tx.capacity(), "refused although there is room");
        }
    }

    template <class Consumer>
    void read(Consumer& rx, std::size_t n) {
        std::array<std::byte, 80> bytes{};
        const std::size_t m = rx.try_read(std::span{bytes}.first(n));
        got(std::span{bytes}.first(m));
        expect(m == n || model_.empty() || rx_closed_ || publishes_late_, "read less than there was");
    }
    template <class Consumer>
    void pop(Consumer& rx) {
        if (const auto popped = rx.try_pop()) {
            got({&*popped, 1});
        }
    }
    template <class Consumer>
    void peek_and_release(Consumer& rx, std::size_t n, std::size_t part) {
        auto grant = rx.peek(n);
        expect(!grant || grant.size() >= n, "a peek of less than was asked for");
        const std::size_t released = part % (grant.size() + 1);
        for (std::size_t i = 0; i != grant.size(); ++i) {
            expect(i < model_.size() && grant.parts()[i] == model_[i], "peeked something else than was sent");
        }
        for (std::size_t i = 0; i != released; ++i) {
            model_.pop_front();
        }
        grant.release(released);
    }
    void got(std::span<const std::byte> bytes) {
        for (const std::byte b : bytes) {
            expect(!model_.empty() && model_.front() == b, "read something else than was sent");
            model_.pop_front();
        }
    }

    template <class Producer, class Consumer>
    void observe(Producer& tx, Consumer& rx) {
        expect(rx.readable_at_least() <= model_.size(), "readable_at_least beyond what was sent");
        expect(tx.writable_at_least() <= tx.capacity() - model_.size(), "writable_at_least beyond the room");
        expect(rx.finished() ? rx_closed_ || (tx_closed_ && model_.empty()) : true, "finished with something left");
        expect(!tx_closed_ || tx.state() == status::closed, "the producer was closed and does not say so");
        expect(!rx_closed_ || rx.state() == status::closed, "the consumer was closed and does not say so");
        const auto now = std::chrono::steady_clock::time_point{};
        const status waited = rx.wait_readable(1, now);
        expect(waited != status::ok || !model_.empty(), "waited for something that is not there");
        expect(waited != status::closed || rx_closed_ || (tx_closed_ && model_.empty()), "closed with something left");
    }

    template <class Producer, class Consumer>
    void close_one(Producer& tx, Consumer& rx, std::size_t n) {
        if (n == 1) {
            tx.close();
            tx_closed_ = true;
        } else if (n == 2) {
            rx.close();
            rx_closed_ = true;
        }
    }

    /// At the end everything sent comes out, in order, unless the consumer was closed.
    template <class Producer, class Consumer>
    void drain(Producer& tx, Consumer& rx) {
        tx.close();
        for (int rounds = 0; rounds != 200 && !rx.finished(); ++rounds) {
            read(rx, 7);
        }
        expect(rx.finished(), "a closed ring that never finishes");
        expect(rx_closed_ || model_.empty(), "bytes were lost");
    }

    static void expect(bool holds, const char* otherwise) {
        if (!holds) {
            std::fprintf(stderr, "op sequence: %s\n", otherwise);
            std::abort();
        }
    }

    std::span<const std::uint8_t> program_;
    std::deque<std::byte> model_;  // Sent and not yet read.
    std::uint64_t sent_ = 0;
    bool publishes_late_ = false;
    bool tx_closed_ = false;
    bool rx_closed_ = false;
};

}  // namespace ferrule::test
