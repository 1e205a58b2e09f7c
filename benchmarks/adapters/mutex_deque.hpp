// What a program does that has nothing better: a deque, a mutex and two condition variables.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>

namespace ferrule::bench {

template <class T>
class mutex_deque {
public:
    explicit mutex_deque(std::size_t capacity) : capacity_{capacity} {}

    [[nodiscard]] bool try_push(const T& value) { return try_write({&value, 1}) != 0; }
    [[nodiscard]] bool try_pop(T& value) { return try_read({&value, 1}) != 0; }
    [[nodiscard]] std::size_t try_write(std::span<const T> from) {
        std::size_t n = 0;
        {
            const std::lock_guard lock{mutex_};
            n = std::min(from.size(), capacity_ - elements_.size());
            elements_.insert(elements_.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n));
        }
        data_.notify_one();
        return n;
    }
    [[nodiscard]] std::size_t try_read(std::span<T> to) {
        std::size_t n = 0;
        {
            const std::lock_guard lock{mutex_};
            n = std::min(to.size(), elements_.size());
            const auto end = elements_.begin() + static_cast<std::ptrdiff_t>(n);
            std::copy(elements_.begin(), end, to.begin());
            elements_.erase(elements_.begin(), end);
        }
        space_.notify_one();
        return n;
    }

    void await_space() {
        std::unique_lock lock{mutex_};
        space_.wait(lock, [&] { return elements_.size() != capacity_; });
    }
    [[nodiscard]] bool await_data() {
        std::unique_lock lock{mutex_};
        data_.wait(lock, [&] { return !elements_.empty() || closed_; });
        return !elements_.empty();
    }
    void close() {
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
        }
        data_.notify_one();
    }

private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable data_;
    std::condition_variable space_;
    std::deque<T> elements_;
    bool closed_ = false;
};

}  // namespace ferrule::bench
