// The other side of a benchmark, as a thread or as a process: the same code on the same processor either way.
#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <new>
#include <thread>
#include <type_traits>

#include "give_up.hpp"
#include "pin.hpp"

namespace ferrule::bench {

/// Something in memory that a forked process shares with the one it was forked from.
template <class T>
class in_common {
    static_assert(std::is_trivially_destructible_v<T>);

public:
    in_common() {
        void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            give_up("mmap");
        }
        there_ = new (memory) T{};
    }
    in_common(const in_common&) = delete;
    in_common& operator=(const in_common&) = delete;
    ~in_common() { ::munmap(there_, sizeof(T)); }

    [[nodiscard]] T& operator*() const noexcept { return *there_; }
    [[nodiscard]] T* operator->() const noexcept { return there_; }

private:
    T* there_;
};

class in_thread {
public:
    template <class Body>
    in_thread(std::size_t cpu, Body body)
        : thread_{[cpu, body]() mutable {
              pin_to(cpu);
              body();
          }} {}

    void join() { thread_.join(); }

private:
    std::thread thread_;
};

class in_process {
public:
    template <class Body>
    in_process(std::size_t cpu, Body body) : id_{::fork()} {
        if (id_ < 0) {
            give_up("fork");
        }
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            pin_to(cpu);
            body();
            ::_exit(0);
        }
    }

    void join() const {
        int how = 0;
        if (::waitpid(id_, &how, 0) != id_ || how != 0) {
            give_up("the other process");
        }
    }

private:
    ::pid_t id_;
};

}  // namespace ferrule::bench
