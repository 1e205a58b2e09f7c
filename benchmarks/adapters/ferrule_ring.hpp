// Our rings as contenders. Every contender has one shape, so that one loop drives them all:
//
//   try_push(value), try_pop(value)    one element; false if there was no room, or nothing
//   try_write(span), try_read(span)    as many as there is room for, or as there are
//   await_space(), await_data()        after one of these moved nothing; await_data() is false once all is over
//   close()                            by the producer, after everything was received
//
// and is made with a capacity in elements.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include <ferrule/ferrule.hpp>

#include "polled.hpp"

namespace ferrule::bench {

/// A ring of any type, with ends of the given policies, that waits as its waiter does; one with waiter::never is
/// polled, as the contenders are that cannot wait.
template <class Ring, class Cursor = cursor::cached, class Guard = guard::checked>
class ferrule_ring {
    using element = typename Ring::value_type;
    static constexpr bool waits = Ring::waiter_type::can_wait;

public:
    explicit ferrule_ring(std::size_t capacity)
        : memory_{borrows ? std::make_unique<element[]>(capacity) : nullptr}, ring_(make(memory_.get(), capacity)) {}

    [[nodiscard]] bool try_push(const element& value) noexcept { return tx_.try_push(value); }
    [[nodiscard]] bool try_pop(element& value) noexcept {
        const auto popped = rx_.try_pop();
        if (popped) {
            value = *popped;
        }
        return popped.has_value();
    }
    [[nodiscard]] std::size_t try_write(std::span<const element> from) noexcept { return tx_.try_write(from); }
    [[nodiscard]] std::size_t try_read(std::span<element> to) noexcept { return rx_.try_read(to); }

    void await_space() noexcept {
        if constexpr (waits) {
            (void)tx_.wait_writable(1, no_deadline);
        } else {
            polled_.await_space();
        }
    }
    [[nodiscard]] bool await_data() noexcept {
        if constexpr (waits) {
            return rx_.wait_readable(1, no_deadline) == status::ok;
        } else {
            return polled_.await_data();
        }
    }
    void close() noexcept {
        tx_.close();
        polled_.close();
    }

    /// Shows the consumer everything: what a producer says that waits for something else now.
    void publish() noexcept { tx_.publish(); }

    /// In the ring's own memory, no copies: at least one element, at most `max`.
    [[nodiscard]] auto prepare(std::size_t max) noexcept { return tx_.prepare(1, max); }
    [[nodiscard]] auto peek() noexcept { return rx_.peek(); }

private:
    static constexpr bool borrows = std::is_same_v<typename Ring::storage_type, storage::borrowed<element>>;

    static Ring make(element* memory, std::size_t capacity) {
        if constexpr (borrows) {
            return Ring{std::span{memory, capacity}};
        } else if constexpr (std::is_constructible_v<Ring, std::size_t>) {
            return Ring{capacity};
        } else {
            return Ring{};  // It knows its own.
        }
    }

    std::unique_ptr<element[]> memory_;
    Ring ring_;
    producer<Ring, Cursor, Guard> tx_ = ring_.template claim_producer<Cursor, Guard>();
    consumer<Ring, Cursor, Guard> rx_ = ring_.template claim_consumer<Cursor, Guard>();
    polled polled_;
};

/// What most programs have: a heap ring that waits as rings wait.
template <class T, class Cursor = cursor::cached>
using default_ring = ferrule_ring<heap_ring<T>, Cursor>;

/// The same, polled like the contenders that cannot wait.
template <class T, class Cursor = cursor::cached, class Guard = guard::checked>
using polled_ring = ferrule_ring<heap_ring<T, waiter::never>, Cursor, Guard>;

}  // namespace ferrule::bench
