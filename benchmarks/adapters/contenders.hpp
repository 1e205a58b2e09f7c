// Every contender in one shape, so that one loop drives them all: try_push/try_pop for elements, try_write/try_read
// for bytes. None of them waits; the loop does.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <ferrule/ferrule.hpp>

namespace ferrule::bench {

inline constexpr std::size_t element_capacity = 65536;
inline constexpr std::size_t byte_capacity = 256 * 1024;

/// A ring of ours, with ends of the given policies.
template <class T, class Cursor, class Guard, std::size_t Capacity>
class ferrule_ring {
    using ring_type = heap_ring<T, waiter::never>;

public:
    [[nodiscard]] bool try_push(const T& value) noexcept { return tx_.try_push(value); }
    [[nodiscard]] bool try_pop(T& value) noexcept {
        const auto popped = rx_.try_pop();
        if (popped) {
            value = *popped;
        }
        return popped.has_value();
    }
    [[nodiscard]] std::size_t try_write(std::span<const T> from) noexcept { return tx_.try_write(from); }
    [[nodiscard]] std::size_t try_read(std::span<T> to) noexcept { return rx_.try_read(to); }

private:
    ring_type ring_{Capacity};
    producer<ring_type, Cursor, Guard> tx_ = ring_.template claim_producer<Cursor, Guard>();
    consumer<ring_type, Cursor, Guard> rx_ = ring_.template claim_consumer<Cursor, Guard>();
};

/// boost::lockfree::spsc_queue, in the form whose capacity is a template argument or in the one that allocates.
template <class Queue>
class boost_queue {
public:
    using value_type = typename Queue::value_type;

    boost_queue() = default;
    explicit boost_queue(std::size_t capacity) : queue_{capacity} {}

    [[nodiscard]] bool try_push(const value_type& value) { return queue_.push(value); }
    [[nodiscard]] bool try_pop(value_type& value) { return queue_.pop(value); }
    [[nodiscard]] std::size_t try_write(std::span<const value_type> from) {
        return queue_.push(from.data(), from.size());
    }
    [[nodiscard]] std::size_t try_read(std::span<value_type> to) { return queue_.pop(to.data(), to.size()); }

private:
    Queue queue_;
};

template <class T, std::size_t Capacity>
using boost_fixed_queue = boost_queue<boost::lockfree::spsc_queue<T, boost::lockfree::capacity<Capacity>>>;

template <class T, std::size_t Capacity>
struct boost_run_time_queue : boost_queue<boost::lockfree::spsc_queue<T>> {
    boost_run_time_queue() : boost_queue<boost::lockfree::spsc_queue<T>>{Capacity} {}
};

}  // namespace ferrule::bench
