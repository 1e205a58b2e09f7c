// boost::lockfree::spsc_queue as a contender, in the form whose capacity is a template argument and in the one that
// allocates.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <span>

#include "polled.hpp"

namespace ferrule::bench {

template <class Queue, bool Allocates>
class boost_queue : public polled {
    using element = typename Queue::value_type;

public:
    explicit boost_queue(std::size_t capacity) requires Allocates : queue_{capacity} {}
    explicit boost_queue(std::size_t /*capacity*/) requires(!Allocates) {}

    [[nodiscard]] bool try_push(const element& value) { return queue_.push(value); }
    [[nodiscard]] bool try_pop(element& value) { return queue_.pop(value); }
    [[nodiscard]] std::size_t try_write(std::span<const element> from) { return queue_.push(from.data(), from.size()); }
    [[nodiscard]] std::size_t try_read(std::span<element> to) { return queue_.pop(to.data(), to.size()); }

private:
    Queue queue_;
};

template <class T, std::size_t Capacity>
using boost_fixed_queue = boost_queue<boost::lockfree::spsc_queue<T, boost::lockfree::capacity<Capacity>>, false>;

template <class T>
using boost_run_time_queue = boost_queue<boost::lockfree::spsc_queue<T>, true>;

}  // namespace ferrule::bench
