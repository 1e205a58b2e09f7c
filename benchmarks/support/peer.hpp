// The other end of a benchmark: a thread of our own, on a processor of its own, for as long as the benchmark lasts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

#include <ferrule/detail/native.hpp>

#include "pin.hpp"
#include "stopwatch.hpp"

namespace ferrule::bench {

/// What a polling loop does between two looks: the same for every contender.
inline void relax() noexcept { ferrule::detail::native::pause(); }

/// Runs `body(stopped)` until it returns, which it should do soon after `stopped()` became true.
class peer {
public:
    template <class Body>
    explicit peer(std::size_t cpu, Body body)
        : thread_{[this, cpu, body = std::move(body)]() mutable {
              pin_to(cpu);
              const double begun = cpu_seconds();
              body([this] { return stop_.load(std::memory_order_relaxed); });
              cpu_seconds_ = cpu_seconds() - begun;
          }} {}
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;
    ~peer() {
        if (thread_.joinable()) {
            stop();
        }
    }

    /// Ends the thread and returns the processor time it used.
    double stop() {
        stop_.store(true, std::memory_order_relaxed);
        thread_.join();
        return cpu_seconds_;
    }

private:
    std::atomic<bool> stop_{false};
    double cpu_seconds_ = 0;
    std::thread thread_;  // Last: it uses the others.
};

}  // namespace ferrule::bench
