// The other end of a benchmark: a thread of our own, on a processor of its own, for as long as the benchmark lasts.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include "pin.hpp"
#include "relax.hpp"
#include "stopwatch.hpp"

namespace ferrule::bench {

/// Runs `body(stopped)` until it returns, which it should do soon after `stopped()` became true.
class peer {
public:
    template <class Body>
    explicit peer(std::size_t cpu, Body body)
        : thread_{[this, cpu, body = std::move(body)]() mutable {
              pin_to(cpu);
              const processor_share share;
              body([this] { return stop_.load(std::memory_order_relaxed); });
              share_ = share.so_far();
          }} {}
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;
    ~peer() {
        if (thread_.joinable()) {
            stop();
        }
    }

    /// Ends the thread and returns how much of a processor it used.
    double stop() {
        stop_.store(true, std::memory_order_relaxed);
        thread_.join();
        return share_;
    }

private:
    std::atomic<bool> stop_{false};
    double share_ = 0;
    std::thread thread_;  // Last: it uses the others.
};

}  // namespace ferrule::bench
