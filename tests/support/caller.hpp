// A thread that makes one call which is going to sleep in the kernel, and what can be known about it meanwhile.
#pragma once

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace ferrule::test {

/// `Outcome` must have a default.
template <class Outcome>
class caller {
public:
    template <class Call>
    explicit caller(Call call)
        : thread_{[this, call] {
              id_ = static_cast<int>(::syscall(SYS_gettid));
              outcome_ = call();
              returned_ = true;
          }} {}
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;
    ~caller() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    /// Returns when the call sleeps, as the kernel sees it, in a call about a socket. False if it returned instead.
    [[nodiscard]] bool sleeps() const {
        while (!returned_) {
            const long call = id_ != 0 && is_interruptible() ? sleeps_in() : -1;
            if (call == SYS_ppoll || call == SYS_recvfrom || call == SYS_sendto) {
                return true;
            }
            std::this_thread::yield();
        }
        return false;
    }

    /// How often it has gone to sleep so far, by itself.
    [[nodiscard]] std::uint64_t switches() const {
        std::ifstream status{file("status")};
        for (std::string word; status >> word;) {
            if (word == "voluntary_ctxt_switches:") {
                std::uint64_t count = 0;
                status >> count;
                return count;
            }
        }
        return 0;
    }

    [[nodiscard]] std::int64_t processor_time() {
        ::clockid_t clock{};
        ::timespec used{};
        REQUIRE(::pthread_getcpuclockid(thread_.native_handle(), &clock) == 0);
        REQUIRE(::clock_gettime(clock, &used) == 0);
        return used.tv_sec * std::int64_t{1'000'000'000} + used.tv_nsec;
    }

    /// What the call returned, once it has.
    [[nodiscard]] Outcome outcome() {
        thread_.join();
        return outcome_;
    }

private:
    [[nodiscard]] std::string file(const char* name) const {
        return "/proc/self/task/" + std::to_string(id_) + "/" + name;
    }
    /// False while it runs; and while the kernel keeps it from running, for a page that is not there yet.
    [[nodiscard]] bool is_interruptible() const {
        std::ifstream stat{file("stat")};
        std::string all;
        std::getline(stat, all);
        const auto name_ends = all.rfind(')');
        return name_ends != std::string::npos && name_ends + 2 < all.size() && all[name_ends + 2] == 'S';
    }
    /// The number of the system call; -1 while it runs.
    [[nodiscard]] long sleeps_in() const {
        std::ifstream syscall{file("syscall")};
        long number = -1;
        return syscall >> number ? number : -1;
    }

    std::atomic<int> id_{0};
    std::atomic<bool> returned_{false};
    Outcome outcome_{};
    std::thread thread_;  // Last: it uses the others.
};

}  // namespace ferrule::test
