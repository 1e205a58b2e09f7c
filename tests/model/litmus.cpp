// The checker checked: small programs whose outcomes are known. One that must be reachable shows that the model is weak
// enough to find a bug; one that must not, that it is strong enough to let a right program pass.
#include <atomic>
#include <cstdint>

#include "catalogue.hpp"
#include "platform.hpp"

namespace ferrule::model {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

using word = platform::atomic<std::uint32_t>;

enum class fence { none, full, light, heavy };

void pass(fence kind) {
    if (kind == fence::full) {
        platform::full_fence();
    } else if (kind == fence::light) {
        platform::light_fence();
    } else if (kind == fence::heavy) {
        (void)platform::heavy_fence();
    }
}

void pass(std::memory_order order) {
    if (order != relaxed) {
        here().fence(order, source_line::current());
    }
}

/// Both write their own, then read the other's.
template <std::memory_order Store, std::memory_order Load, fence First, fence Second>
struct store_buffering {
    static constexpr unsigned threads = 2;
    word x{0}, y{0};
    std::uint32_t seen[2]{};
    void run(unsigned me) {
        (me == 0 ? x : y).store(1, Store);
        pass(me == 0 ? First : Second);
        seen[me] = (me == 0 ? y : x).load(Load);
    }
    void settle() { reached(seen[0] == 0 && seen[1] == 0); }
};

/// Each raises a flag and enters if the other's is down.
template <fence Between>
struct dekker {
    static constexpr unsigned threads = 2;
    word flag[2]{0, 0};
    plain<int> owned{0};
    void run(unsigned me) {
        flag[me].store(1, relaxed);
        pass(Between);
        if (flag[1 - me].load(relaxed) == 0) {
            owned.write(1);
        }
    }
    void settle() {}
};

/// Data, then a flag; the flag, then the data.
template <std::memory_order Store, std::memory_order Load, std::memory_order Before = relaxed,
          std::memory_order After = relaxed>
struct message_passing {
    static constexpr unsigned threads = 2;
    word data{0}, flag{0};
    bool stale = false;
    void run(unsigned me) {
        if (me == 0) {
            data.store(1, relaxed);
            pass(Before);
            flag.store(1, Store);
        } else if (flag.load(Load) == 1) {
            pass(After);
            stale = data.load(relaxed) == 0;
        }
    }
    void settle() { reached(stale); }
};

/// The same with plain data.
template <std::memory_order Store, std::memory_order Load>
struct plain_message {
    static constexpr unsigned threads = 2;
    plain<int> data{0};
    word flag{0};
    void run(unsigned me) {
        if (me == 0) {
            data.write(1);
            flag.store(1, Store);
        } else if (flag.load(Load) == 1) {
            require(data.read() == 1, "the flag came without its data");
        }
    }
    void settle() {}
};

/// Two readers disagree about the order of two writes.
template <std::memory_order Load, fence Between>
struct independent_reads {
    static constexpr unsigned threads = 4;
    word x{0}, y{0};
    std::uint32_t seen[2][2]{};
    void run(unsigned me) {
        if (me >= 2) {
            (me == 2 ? x : y).store(1, release);
            return;
        }
        seen[me][0] = (me == 0 ? x : y).load(Load);
        pass(Between);
        seen[me][1] = (me == 0 ? y : x).load(Load);
    }
    void settle() { reached(seen[0][0] == 1 && seen[0][1] == 0 && seen[1][0] == 1 && seen[1][1] == 0); }
};

struct coherent_reads {
    static constexpr unsigned threads = 2;
    word x{0};
    bool backwards = false;
    void run(unsigned me) {
        if (me == 0) {
            x.store(1, relaxed);
            x.store(2, relaxed);
        } else {
            const auto first = x.load(relaxed);
            backwards = x.load(relaxed) < first;
        }
    }
    void settle() { reached(backwards); }
};

/// A thread that overwrote nothing newer than its own store cannot read the other's as older.
struct coherent_write_read {
    static constexpr unsigned threads = 2;
    word x{0};
    std::uint32_t seen[2]{};
    void run(unsigned me) {
        x.store(me + 1, relaxed);
        seen[me] = x.load(relaxed);
    }
    void settle() { reached(seen[0] == 2 && seen[1] == 1); }
};

template <fence Between>
struct two_plus_two_writes {
    static constexpr unsigned threads = 2;
    word x{0}, y{0};
    void run(unsigned me) {
        (me == 0 ? x : y).store(1, release);
        pass(Between);
        (me == 0 ? y : x).store(2, release);
    }
    void settle() { reached(x.load(relaxed) == 1 && y.load(relaxed) == 1); }
};

/// An exchange by a third thread carries on what was released before it; a plain store does not.
template <bool ByExchange>
struct release_sequence {
    static constexpr unsigned threads = 3;
    word data{0}, flag{0};
    std::uint32_t found = 0;
    bool stale = false;
    void run(unsigned me) {
        if (me == 0) {
            data.store(1, relaxed);
            flag.store(1, release);
        } else if (me == 2) {
            stale = flag.load(acquire) == 2 && data.load(relaxed) == 0;
        } else if constexpr (ByExchange) {
            found = flag.exchange(2, relaxed);
        } else {
            found = flag.load(relaxed);
            flag.store(2, relaxed);
        }
    }
    void settle() { reached(stale && found == 1); }
};

/// Exactly one of two exchanges finds it free.
template <std::memory_order Order>
struct two_exchanges {
    static constexpr unsigned threads = 2;
    word taken{0};
    std::uint32_t found[2]{};
    void run(unsigned me) { found[me] = taken.exchange(1, Order); }
    void settle() { reached(found[0] == found[1]); }
};

struct lock_protects {
    static constexpr unsigned threads = 2;
    platform::mutex m;
    plain<int> count{0};
    void run(unsigned /*me*/) {
        m.lock();
        count.write(count.read() + 1);
        m.unlock();
    }
    void settle() { require(count.read() == 2, "an increment was lost"); }
};

/// A sleeper and a waker, with and without the barrier between the store and the look at the sleeper's mark.
template <fence Waker, fence Sleeper>
struct wake_up {
    static constexpr unsigned threads = 2;
    word ready{0}, asleep{0}, bell{0};
    void run(unsigned me) {
        if (me == 0) {
            ready.store(1, release);
            pass(Waker);
            if (asleep.load(relaxed) == 1) {
                bell.store(1, relaxed);
                platform::futex_wake(bell, 0);
            }
            return;
        }
        asleep.store(1, relaxed);
        pass(Sleeper);
        while (ready.load(acquire) == 0) {
            platform::futex_wait(bell, 0, platform::time_point::max(), 0);
        }
    }
    void settle() {}
};

/// A loop that pauses sees the store in the end, and the search comes to an end too.
struct await {
    static constexpr unsigned threads = 2;
    word x{0};
    void run(unsigned me) {
        if (me == 0) {
            x.store(1, relaxed);
            x.store(2, relaxed);
        } else {
            while (x.load(relaxed) != 2) {
                platform::pause();
            }
        }
    }
    void settle() {}
};

struct nobody_stores {
    static constexpr unsigned threads = 2;
    word x{0};
    void run(unsigned me) {
        while (me == 1 && x.load(relaxed) == 0) {
            platform::pause();
        }
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name, expectation ends) {
    to.push_back(entry_for<State>(std::string{"litmus/"} + name, ends));
}

}  // namespace

void add_litmus(catalogue& to) {
    using enum expectation;
    add<store_buffering<relaxed, relaxed, fence::none, fence::none>>(to, "SB relaxed", reachable);
    add<store_buffering<release, acquire, fence::none, fence::none>>(to, "SB release/acquire", reachable);
    add<store_buffering<seq_cst, seq_cst, fence::none, fence::none>>(to, "SB seq_cst accesses", unreachable);
    add<store_buffering<relaxed, relaxed, fence::full, fence::full>>(to, "SB two fences", unreachable);
    add<store_buffering<relaxed, relaxed, fence::full, fence::none>>(to, "SB one fence", reachable);
    add<store_buffering<relaxed, relaxed, fence::light, fence::heavy>>(to, "SB light and heavy fence", unreachable);
    add<store_buffering<relaxed, relaxed, fence::heavy, fence::light>>(to, "SB heavy and light fence", unreachable);
    add<store_buffering<relaxed, relaxed, fence::light, fence::light>>(to, "SB two light fences", reachable);
    add<store_buffering<relaxed, relaxed, fence::light, fence::full>>(to, "SB light and full fence", reachable);
    add<message_passing<relaxed, relaxed>>(to, "MP relaxed", reachable);
    add<message_passing<release, relaxed>>(to, "MP release only", reachable);
    add<message_passing<relaxed, acquire>>(to, "MP acquire only", reachable);
    add<message_passing<release, acquire>>(to, "MP release/acquire", unreachable);
    add<message_passing<relaxed, relaxed, release, acquire>>(to, "MP two fences", unreachable);
    add<message_passing<relaxed, relaxed, release, relaxed>>(to, "MP release fence only", reachable);
    add<message_passing<relaxed, relaxed, seq_cst, seq_cst>>(to, "MP seq_cst fences", unreachable);
    add<independent_reads<acquire, fence::none>>(to, "IRIW acquire", reachable);
    add<independent_reads<relaxed, fence::full>>(to, "IRIW seq_cst fences", unreachable);
    add<coherent_reads>(to, "CoRR", unreachable);
    add<coherent_write_read>(to, "CoWR", unreachable);
    add<two_plus_two_writes<fence::none>>(to, "2+2W release", reachable);
    add<two_plus_two_writes<fence::full>>(to, "2+2W fences", unreachable);
    add<release_sequence<true>>(to, "release sequence through an exchange", unreachable);
    add<release_sequence<false>>(to, "release sequence cut by a store", reachable);
    add<two_exchanges<acq_rel>>(to, "two exchanges", unreachable);
    add<dekker<fence::none>>(to, "Dekker without fences", races);
    add<dekker<fence::full>>(to, "Dekker with fences", holds);
    add<plain_message<relaxed, relaxed>>(to, "plain data behind a relaxed flag", races);
    add<plain_message<release, acquire>>(to, "plain data behind a release/acquire flag", holds);
    add<lock_protects>(to, "plain data in a lock", holds);
    add<wake_up<fence::none, fence::none>>(to, "wake up without fences", blocks);
    add<wake_up<fence::full, fence::none>>(to, "wake up with the waker's fence", blocks);
    add<wake_up<fence::full, fence::full>>(to, "wake up with fences", holds);
    add<wake_up<fence::light, fence::heavy>>(to, "wake up with light and heavy fence", holds);
    add<await>(to, "await", holds);
    add<nobody_stores>(to, "await in vain", blocks);
}

}  // namespace ferrule::model
