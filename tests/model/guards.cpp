// Two threads and one end: legal one after the other, diagnosed at the same time, serialised by a lock.
#include <ferrule/guard/checked.hpp>
#include <ferrule/guard/locked.hpp>

#include <array>

#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

using checked = guard::checked::state<platform>;

/// How a call goes in and out.
struct at_length {
    static auto enter(checked& end) { return end.enter(); }
    static void leave(checked& end, checked::token in) { end.leave(in); }
};
struct briefly {
    static auto enter(checked& end) { return end.enter_briefly(); }
    static void leave(checked& end, checked::token in) { end.leave_briefly(in); }
};

template <class Way>
void goes_in_and_out(checked& end) {
    Way::leave(end, Way::enter(end));
}

/// Two threads call into one end. If ever both were inside of it, one of them was told so.
template <unsigned First, unsigned Second, class FirstWay, class SecondWay>
struct overlap {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    platform::atomic<std::uint32_t> work{0};
    unsigned inside = 0;
    bool overlapped = false;

    void run(unsigned me) {
        constexpr std::array<void (overlap::*)(unsigned), threads> calls{&overlap::call<FirstWay>,
                                                                         &overlap::call<SecondWay>};
        (this->*calls[me])(me == 0 ? First : Second);
    }
    void settle() { require(!overlapped, "two calls were in one end, and nobody was told"); }

private:
    template <class Way>
    void call(unsigned times) {
        for (unsigned i = 0; i != times; ++i) {
            const auto token = Way::enter(end);
            // Steps that do not commute with the other's: else the search may show only the order without an overlap.
            (void)work.exchange(0, std::memory_order_relaxed);
            overlapped = overlapped || inside != 0;
            ++inside;
            (void)work.exchange(0, std::memory_order_relaxed);
            --inside;
            Way::leave(end, token);
        }
    }
};

/// One thread goes in and stays, asleep say; the other calls as well. The first will never see what happened to its
/// mark.
template <class OtherWay>
struct one_stays_inside {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    unsigned inside = 0;
    bool overlapped = false;

    void run(unsigned me) {
        if (me == 0) {
            (void)end.enter();
            overlapped = overlapped || inside != 0;
            inside = 1;
            return;
        }
        for (unsigned call = 0; call != 2U; ++call) {
            const auto token = OtherWay::enter(end);
            overlapped = overlapped || inside != 0;
            OtherWay::leave(end, token);
        }
    }
    void settle() { require(!overlapped, "a call came in while another was inside, and nobody was told"); }
};

/// Two calls that never end, one of them by the owner: one is told on its way in, as there is no way out.
struct two_never_end {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    std::array<bool, threads> inside{};

    void run(unsigned me) {
        if (me == 0) {
            end.leave(end.enter());
        }
        (void)end.enter();
        inside[me] = true;
    }
    void settle() { require(!inside[0] || !inside[1], "two calls were in one end, and nobody was told"); }
};

/// One thread uses the end, then another, with a flag between them: nothing to complain of.
template <class FirstWay, class SecondWay>
struct one_after_the_other {
    static constexpr unsigned threads = 2;
    guard::checked::state<platform> end;
    platform::atomic<std::uint32_t> turn{0};

    void run(unsigned me) {
        constexpr std::array<void (*)(checked&), threads> once{&goes_in_and_out<FirstWay>, &goes_in_and_out<SecondWay>};
        for (std::uint32_t round = 0; round != 2; ++round) {
            while (turn.load(std::memory_order_acquire) != 2 * round + me) {
                platform::pause();
            }
            once[me](end);
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

/// Two threads wait in one locked end at the same time, and each element wakes somebody who takes it.
template <class Barrier, std::uint32_t Count>
struct two_wait_in_one_end {
    static constexpr unsigned threads = 3;
    using ring_type = ring_of<std::uint32_t, 1, futex<Barrier>>;
    ring_type ring{futex<Barrier>{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::none> tx = ring.template claim_producer<cursor::cached, guard::none>();
    consumer<ring_type, cursor::cached, guard::locked> rx =
        ring.template claim_consumer<cursor::cached, guard::locked>();
    std::uint32_t received = 0;

    void run(unsigned me) { me == 2 ? write_all() : read_some(); }
    void settle() { require(received == Count, "an element was lost, or came twice"); }

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!tx.try_push(i)) {
                require(tx.wait_writable(1, forever) == status::ok, "no room, and no end");
            }
        }
        tx.close();
    }
    void read_some() {
        while (rx.wait_readable(1, forever) == status::ok) {
            received += rx.try_pop() ? 1U : 0U;
        }
    }
};

/// One thread waits for more than will ever come; another, in the same end, for the one element that does, and closes.
template <class Barrier>
struct two_wait_for_different_things {
    static constexpr unsigned threads = 3;
    using ring_type = ring_of<std::uint32_t, 2, futex<Barrier>>;
    ring_type ring{futex<Barrier>{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::none> tx = ring.template claim_producer<cursor::cached, guard::none>();
    consumer<ring_type, cursor::cached, guard::locked> rx =
        ring.template claim_consumer<cursor::cached, guard::locked>();

    void run(unsigned me) {
        switch (me) {
            case 0:
                return require(tx.try_push(0U), "no room in an empty ring");
            case 1:
                require(rx.wait_readable(1, forever) == status::ok && rx.try_pop() == 0U, "an element was lost");
                return rx.close();
            default:
                return require(rx.wait_readable(2, forever) == status::closed, "two of one");
        }
    }
    void settle() {}
};

/// One thread waits for one element, another, in the same end, for both; nobody takes any. Who finds its one there must
/// not leave the other without an announcement.
template <class Barrier>
struct the_nearer_one_leaves {
    static constexpr unsigned threads = 3;
    using ring_type = ring_of<std::uint32_t, 2, futex<Barrier>>;
    ring_type ring{futex<Barrier>{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::none> tx = ring.template claim_producer<cursor::cached, guard::none>();
    consumer<ring_type, cursor::cached, guard::locked> rx =
        ring.template claim_consumer<cursor::cached, guard::locked>();

    void run(unsigned me) {
        if (me == 0) {
            require(tx.try_push(0U) && tx.try_push(1U), "no room in an empty ring");
        } else {
            require(rx.wait_readable(me, forever) == status::ok, "an element was lost");
        }
    }
    void settle() {}
};

/// One thread waits in a locked end, another closes it.
template <class Barrier>
struct closed_by_a_sibling {
    static constexpr unsigned threads = 2;
    using ring_type = ring_of<std::uint32_t, 1, futex<Barrier>>;
    ring_type ring{futex<Barrier>{}, starting_at{0}};
    consumer<ring_type, cursor::cached, guard::locked> rx =
        ring.template claim_consumer<cursor::cached, guard::locked>();

    void run(unsigned me) {
        if (me == 0) {
            require(rx.wait_readable(1, forever) == status::closed, "closed, and the wait says something else");
        } else {
            rx.close();
        }
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = {}, limits within = {}) {
    to.push_back(entry_for<State>(std::string{"guards/"} + name, expectation::holds, may_happen, within));
}

}  // namespace

void add_guards(catalogue& to) {
    constexpr hazards stops{.may_stop = true};
    add<overlap<1, 1, at_length, at_length>>(to, "overlapping first calls are diagnosed", stops);
    add<overlap<2, 1, at_length, at_length>>(to, "overlapping calls are diagnosed", stops);
    add<overlap<1, 1, briefly, briefly>>(to, "overlapping brief first calls are diagnosed", stops);
    add<overlap<2, 1, briefly, briefly>>(to, "overlapping brief calls are diagnosed", stops);
    add<overlap<2, 1, briefly, at_length>>(to, "a call beside brief ones is diagnosed", stops);
    add<overlap<2, 1, at_length, briefly>>(to, "a brief call beside calls is diagnosed", stops);
    add<one_stays_inside<at_length>>(to, "a call beside one that never ends is diagnosed", stops);
    add<one_stays_inside<briefly>>(to, "a brief call beside one that never ends is diagnosed", stops);
    add<two_never_end>(to, "two calls that never end are diagnosed", stops);
    add<one_after_the_other<at_length, at_length>>(to, "one thread after the other is not");
    add<one_after_the_other<briefly, briefly>>(to, "one thread briefly after the other is not");
    add<one_after_the_other<briefly, at_length>>(to, "one thread at length after another's brief calls is not");
    add<one_after_the_other<at_length, at_length>>(to, "one thread after the other is not, without heavy fences",
                                                   {.heavy_fences = false});
    add<one_after_the_other<briefly, briefly>>(to, "one thread briefly after the other is not, without heavy fences",
                                               {.heavy_fences = false});
    add<locked_writers>(to, "two writers take turns");
    add<two_wait_in_one_end<symmetric, 1>>(to, "two wait in one end for 1, symmetric", deadlines_pass, up_to(2));
    add<two_wait_in_one_end<asymmetric, 2>>(to, "two wait in one end for 2, asymmetric", deadlines_pass, up_to(1));
    add<two_wait_for_different_things<asymmetric>>(to, "two wait in one end for 1 and for 2, asymmetric",
                                                   deadlines_pass, up_to(2));
    add<the_nearer_one_leaves<asymmetric>>(to, "two wait in one end, the nearer one leaves, asymmetric", deadlines_pass,
                                           up_to(2));
    add<closed_by_a_sibling<symmetric>>(to, "a waiting thread's end is closed by another, symmetric");
    add<closed_by_a_sibling<asymmetric>>(to, "a waiting thread's end is closed by another, asymmetric");
}

}  // namespace ferrule::model
