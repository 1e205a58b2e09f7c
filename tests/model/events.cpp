// Waiting on a descriptor: asleep in the library, or in an event loop that armed it.
#include <ferrule/waiter/eventfd.hpp>
#include <ferrule/waiter/then.hpp>

#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

template <class Barrier>
using eventfd = waiter::basic_eventfd<Barrier>;

/// Two event loops: each does what there is to do, arms, and turns to its descriptor unless there is more.
template <std::size_t N, class Cursor, class Barrier, std::uint64_t Start, std::uint32_t Count>
struct two_loops : pipe<std::uint32_t, N, Cursor, Start, eventfd<Barrier>> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!this->tx.try_push(i)) {
                if (this->tx.arm(1)) {
                    poll_until_readable(this->tx.poll_fd());
                }
            }
        }
        this->tx.close();
    }
    void read_all() {
        std::uint32_t received = 0;
        while (!this->rx.finished()) {
            while (const auto popped = this->rx.try_pop()) {
                require(*popped == received++, "elements out of order");
            }
            if (this->rx.arm(1)) {
                poll_until_readable(this->rx.poll_fd());
            }
        }
        require(received == Count, "the stream ended before its last element");
    }
};

/// The reader's loop wants two at a time, and the last one comes alone.
template <class Barrier>
struct loop_wants_two : pipe<std::uint32_t, 2, cursor::cached, before_the_wrap, eventfd<Barrier>> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me == 0) {
            require(this->tx.try_push(0U) && this->tx.try_push(1U), "no room in an empty ring");
            return;
        }
        while (this->rx.readable_at_least() < 2) {
            if (this->rx.arm(2)) {
                poll_until_readable(this->rx.poll_fd());
            }
        }
    }
    void settle() {}
};

/// A reader arms for more than there is and dies; the next one takes what there is. The writer, which waits for room,
/// is not told that both wait for each other.
template <class Barrier>
struct reader_dies_armed {
    static constexpr unsigned threads = 2;
    using ring_type = ring_of<std::uint32_t, 2, eventfd<Barrier>>;
    ring_type ring{eventfd<Barrier>{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::none> tx = ring.template claim_producer<cursor::cached, guard::none>();

    platform::atomic<std::uint32_t> dead{0};

    reader_dies_armed() { require(tx.try_push(0U), "no room in an empty ring"); }
    void run(unsigned me) { me == 0 ? wait_for_room() : read(); }
    void settle() {}

private:
    void wait_for_room() {
        while (dead.load(std::memory_order_acquire) == 0) {
            platform::pause();
        }
        require(tx.wait_writable(2, forever) == status::ok, "a dead reader was taken for a sleeper");
    }
    void read() {
        require(reader().arm(2), "there is only one");
        dead.store(1, std::memory_order_release);
        require(reader().try_pop() == 0U, "an element was lost");
    }
    auto reader() { return ring.template claim_consumer<cursor::cached, guard::none>(); }
};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = deadlines_pass, limits within = all_of_it,
         bool takes_long = false) {
    to.push_back(entry_for<State>(std::string{"events/"} + name, expectation::holds, may_happen, within, takes_long));
}

}  // namespace

void add_events(catalogue& to) {
    add<both_wait<1, cursor::cached, eventfd<symmetric>, 0, 1>>(to, "asleep, 1 through 1, symmetric");
    add<both_wait<1, cursor::cached, eventfd<asymmetric>, 0, 1>>(to, "asleep, 1 through 1, asymmetric");
    add<both_wait<1, cursor::cached, eventfd<asymmetric>, before_the_wrap, 2>>(to, "asleep, 2 through 1, asymmetric",
                                                                               deadlines_pass, up_to(4), true);
    add<both_wait<1, cursor::cached, eventfd<symmetric>, 0, 1>>(to, "asleep, 1 through 1, woken by nobody",
                                                                woken_by_nobody, up_to(4), true);
    add<two_loops<1, cursor::cached, symmetric, 0, 1>>(to, "two loops, 1 through 1, symmetric");
    add<two_loops<1, cursor::cached, asymmetric, before_the_wrap, 2>>(to, "two loops, 2 through 1, asymmetric",
                                                                      deadlines_pass, up_to(4), true);
    add<two_loops<2, holding_back, asymmetric, 0, 3>>(to, "two loops, 3 through 2, holding back, asymmetric",
                                                      deadlines_pass, up_to(4), true);
    add<reader_dies_armed<asymmetric>>(to, "a reader that dies armed, asymmetric");
    add<loop_wants_two<asymmetric>>(to, "a loop that wants 2, asymmetric");
}

}  // namespace ferrule::model
