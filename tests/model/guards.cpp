// Two threads and one end: legal one after the other, diagnosed at the same time, serialised by a lock.
#include <ferrule/guard/checked.hpp>
#include <ferrule/guard/locked.hpp>

#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

/// Two threads call into one end. If ever both were inside of it, one of them was told so.
template <unsigned First, unsigned Second>
struct overlap {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    platform::atomic<std::uint32_t> work{0};
    unsigned inside = 0;
    bool overlapped = false;

    void run(unsigned me) {
        for (unsigned call = 0; call != (me == 0 ? First : Second); ++call) {
            const auto token = end.enter();
            overlapped = overlapped || inside != 0;
            ++inside;
            (void)work.load(std::memory_order_relaxed);  // A step, so that the other can come in meanwhile.
            --inside;
            end.leave(token);
        }
    }
    void settle() { require(!overlapped, "two calls were in one end, and nobody was told"); }
};

/// One thread goes in and stays, asleep say; the other calls as well. The first will never see what happened to its
/// mark.
struct one_stays_inside {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    unsigned inside = 0;
    bool overlapped = false;

    void run(unsigned me) {
        for (unsigned call = 0; call != (me == 0 ? 1U : 2U); ++call) {
            const auto token = end.enter();
            overlapped = overlapped || inside != 0;
            if (me == 0) {
                inside = 1;
            } else {
                end.leave(token);
            }
        }
    }
    void settle() { require(!overlapped, "a call came in while another was inside, and nobody was told"); }
};

/// One thread uses the end, then another, with a flag between them: nothing to complain of.
struct one_after_the_other {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    platform::atomic<std::uint32_t> turn{0};

    void run(unsigned me) {
        for (std::uint32_t round = 0; round != 2; ++round) {
            while (turn.load(std::memory_order_acquire) != 2 * round + me) {
                platform::pause();
            }
            end.leave(end.enter());
            turn.store(2 * round + me + 1, std::memory_order_release);
        }
    }
    void settle() {}
};

/// Two threads push through one locked end; a third pops.
struct locked_writers {
    static constexpr unsigned threads = 3;
    using ring_type = ring_of<std::uint32_t, 2>;
    ring_type ring{waiter::never{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::locked> tx = ring.claim_producer<cursor::cached, guard::locked>();
    consumer<ring_type, cursor::cached, guard::none> rx = ring.claim_consumer<cursor::cached, guard::none>();
    std::uint32_t sum = 0;

    void run(unsigned me) {
        if (me != 2) {
            require(tx.try_push(me + 1), "no room for the second of two");
            return;
        }
        for (int tried = 0; tried != 2; ++tried) {
            sum += rx.try_pop().value_or(0);
        }
    }
    void settle() {
        while (const auto popped = rx.try_pop()) {
            sum += *popped;
        }
        require(sum == 1 + 2, "an element was lost, or came twice");
    }
};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = {}, limits within = {}) {
    to.push_back(entry_for<State>(std::string{"guards/"} + name, expectation::holds, may_happen, within));
}

}  // namespace

void add_guards(catalogue& to) {
    constexpr hazards stops{.may_stop = true};
    add<overlap<1, 1>>(to, "overlapping first calls are diagnosed", stops);
    add<overlap<2, 1>>(to, "overlapping calls are diagnosed", stops);
    add<one_stays_inside>(to, "a call beside one that never ends is diagnosed", stops);
    add<one_after_the_other>(to, "one thread after the other is not");
    add<locked_writers>(to, "two writers take turns");
}

}  // namespace ferrule::model
