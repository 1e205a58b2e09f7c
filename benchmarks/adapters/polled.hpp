// How a contender waits that cannot: the loop looks again and again, with a pause in between.
#pragma once

#include <atomic>

#include "../support/relax.hpp"

namespace ferrule::bench {

class polled {
public:
    static void await_space() noexcept { relax(); }
    /// False once the producer is done. It says so only after everything was received.
    [[nodiscard]] bool await_data() const noexcept {
        relax();
        return !closed_.load(std::memory_order_relaxed);
    }
    void close() noexcept { closed_.store(true, std::memory_order_relaxed); }

private:
    alignas(128) std::atomic<bool> closed_{false};
};

}  // namespace ferrule::bench
