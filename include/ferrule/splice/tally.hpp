// A count that its owner keeps and anybody may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace ferrule::inline v0::splice {

template <class Platform>
class tally {
public:
    void add(std::uint64_t n) noexcept {
        // Relaxed, statistics: sole writer.
        count_.store(own_ += n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t read() const noexcept {
        // Relaxed, statistics.
        return count_.load(std::memory_order_relaxed);
    }

private:
    std::uint64_t own_ = 0;  // Private to the owner.
    typename Platform::template atomic<std::uint64_t> count_{0};
};

}  // namespace ferrule::inline v0::splice
