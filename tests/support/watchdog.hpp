// Ends a test that hangs, with its name, instead of letting it block everything after it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace ferrule::test {

class watchdog {
public:
    explicit watchdog(const char* what, std::chrono::seconds patience = std::chrono::seconds{120})
        : thread_{[this, what, patience] {
              std::unique_lock lock{mutex_};
              if (!finished_.wait_until(lock, std::chrono::system_clock::now() + patience, [this] { return done_; })) {
                  std::fprintf(stderr, "watchdog: %s hangs\n", what);
                  std::abort();
              }
          }} {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() {
        {
            const std::lock_guard lock{mutex_};
            done_ = true;
        }
        finished_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable finished_;
    bool done_ = false;
    std::thread thread_;  // Last: it uses the others.
};

}  // namespace ferrule::test
