// The platform under which the library runs in relacy, a race detector by somebody else: a second opinion on the same
// templates. What it cannot do: heavy fences, and crashes.
//
// The order of the includes matters: relacy makes macros of new, delete, malloc, free, assert and of the names of
// orders.
#pragma once

#include <ferrule/barrier/symmetric.hpp>
#include <ferrule/consumer.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/cursor/direct.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/producer.hpp>
#include <ferrule/ring.hpp>
#include <ferrule/storage/inlined.hpp>
#include <ferrule/waiter/futex.hpp>
#include <ferrule/waiter/never.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

// clang-format off
#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
// clang-format on

namespace ferrule::relacy {

/// What is taken away from the library's orders, to see that it is missed.
enum class without { nothing, release, acquire, fence };

/// What outlives the library's calls but not the execution: one variable that stands for each slot, so that races on
/// slots are found, and a bed for whoever sleeps.
struct surroundings {
    static constexpr std::size_t most_slots = 4;

    surroundings() { current() = this; }
    surroundings(const surroundings&) = delete;
    surroundings& operator=(const surroundings&) = delete;
    ~surroundings() = default;

    static surroundings*& current() {
        static surroundings* one = nullptr;
        return one;
    }

    const void* slots = nullptr;
    std::array<rl::var<unsigned>, most_slots> shadows;
    rl::mutex bed;
    rl::condition_variable woken;
};

template <without Missing>
struct platform {
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr rl::memory_order order_of(std::memory_order order) {
        switch (order) {
            case std::memory_order::relaxed:
                return rl::mo_relaxed;
            case std::memory_order::consume:
            case std::memory_order::acquire:
                return Missing == without::acquire ? rl::mo_relaxed : rl::mo_acquire;
            case std::memory_order::release:
                return Missing == without::release ? rl::mo_relaxed : rl::mo_release;
            case std::memory_order::acq_rel:
                return rl::mo_acq_rel;
            case std::memory_order::seq_cst:
                break;
        }
        return rl::mo_seq_cst;
    }

    template <class T>
    class atomic {
    public:
        explicit(false) atomic(T value = T{}) { word_.store(value, rl::mo_relaxed, RL_INFO); }
        atomic(const atomic&) = delete;
        atomic& operator=(const atomic&) = delete;

        [[nodiscard]] T load(std::memory_order order) const { return word_.load(order_of(order), RL_INFO); }
        void store(T value, std::memory_order order) { word_.store(value, order_of(order), RL_INFO); }
        T exchange(T value, std::memory_order order) { return word_.exchange(value, order_of(order), RL_INFO); }

    private:
        rl::atomic<T> word_;
    };

    static void pause() { rl::yield(1, RL_INFO); }
    static void yield() { rl::yield(1, RL_INFO); }
    static void full_fence() {
        if constexpr (Missing != without::fence) {
            rl::atomic_thread_fence(rl::mo_seq_cst, RL_INFO);
        }
    }

    template <class Scope>
    static void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline,
                           Scope /*scope*/) {
        surroundings& here = *surroundings::current();
        here.bed.lock(RL_INFO);
        if (word.load(std::memory_order::relaxed) == expected) {
            if (deadline == time_point::max()) {
                here.woken.wait(here.bed, RL_INFO);
            } else {
                (void)here.woken.wait_for(here.bed, deadline, RL_INFO);
            }
        }
        here.bed.unlock(RL_INFO);
    }
    template <class Scope>
    static void futex_wake(const atomic<std::uint32_t>& /*word*/, Scope /*scope*/) {
        surroundings& here = *surroundings::current();
        here.bed.lock(RL_INFO);
        here.woken.notify_all(RL_INFO);
        here.bed.unlock(RL_INFO);
    }

    [[nodiscard]] static time_point now() { return {}; }

    template <class T, class... Args>
    static void construct(T* slot, Args&&... args) {
        shadow_of(slot)(RL_INFO) = 1U;
        detail::native::construct(slot, std::forward<Args>(args)...);
    }
    template <class T>
    static T take(T* slot) {
        (void)static_cast<unsigned>(shadow_of(slot)(RL_INFO));
        return detail::native::take(slot);
    }

private:
    template <class T>
    static rl::var<unsigned>& shadow_of(T* slot) {
        surroundings& here = *surroundings::current();
        return here.shadows[static_cast<std::size_t>(slot - static_cast<const T*>(here.slots))];
    }
};

/// A storage that says where its slots are.
template <class Storage>
class watched : public Storage {
public:
    watched() { surroundings::current()->slots = Storage::data(); }
};

}  // namespace ferrule::relacy
