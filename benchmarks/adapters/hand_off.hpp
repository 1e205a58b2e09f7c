// The floors: what it costs to hand blocks, or words, from one thread to another with nothing around it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <span>

#include "polled.hpp"

namespace ferrule::bench {

/// A few blocks in turn, each handed over and back by a flag on a line of its own. No ring, no cursors, no order to
/// keep but this. A block is what one call moves.
template <std::size_t Count, std::size_t Largest>
class blocks : public polled {
public:
    explicit blocks(std::size_t /*capacity*/) {}

    [[nodiscard]] std::size_t try_write(std::span<const std::byte> from) noexcept {
        const auto to = prepare(from.size());
        if (!to.empty()) {
            std::memcpy(to.data(), from.data(), from.size());
            commit(from.size());
        }
        return to.size();
    }
    [[nodiscard]] std::size_t try_read(std::span<std::byte> to) noexcept {
        const auto from = peek();
        if (!from.empty()) {
            std::memcpy(to.data(), from.data(), from.size());
            release();
        }
        return from.size();
    }

    /// The next block, to be written in place; empty while the consumer has both.
    [[nodiscard]] std::span<std::byte> prepare(std::size_t size) noexcept {
        block& next = blocks_[written_ % Count];
        return next.size.load(std::memory_order_acquire) == 0 ? std::span{next.bytes}.first(size)
                                                              : std::span<std::byte>{};
    }
    void commit(std::size_t size) noexcept { blocks_[written_++ % Count].size.store(size, std::memory_order_release); }
    /// The next block, to be read in place; empty while the producer has both.
    [[nodiscard]] std::span<const std::byte> peek() const noexcept {
        const block& next = blocks_[read_ % Count];
        return std::span{next.bytes}.first(next.size.load(std::memory_order_acquire));
    }
    void release() noexcept { blocks_[read_++ % Count].size.store(0, std::memory_order_release); }

private:
    struct block {
        alignas(128) std::atomic<std::size_t> size{0};  // 0: the producer's.
        alignas(128) std::array<std::byte, Largest> bytes{};
    };
    std::array<block, Count> blocks_;
    alignas(128) std::size_t written_ = 0;  // The producer's.
    alignas(128) std::size_t read_ = 0;     // The consumer's.
};

/// One element on its line and a count on another, as any ring must have. Room for one: fit for ping-pong only.
template <class T>
class two_lines : public polled {
public:
    explicit two_lines(std::size_t /*capacity*/) {}

    [[nodiscard]] bool try_push(const T& value) noexcept {
        value_ = value;
        count_.store(++pushed_, std::memory_order_release);
        return true;
    }
    [[nodiscard]] bool try_pop(T& value) noexcept {
        if (count_.load(std::memory_order_acquire) == popped_) {
            return false;
        }
        ++popped_;
        value = value_;
        return true;
    }

private:
    alignas(128) T value_{};
    alignas(128) std::atomic<std::size_t> count_{0};
    alignas(128) std::size_t pushed_ = 0;  // The producer's.
    alignas(128) std::size_t popped_ = 0;  // The consumer's.
};

}  // namespace ferrule::bench
