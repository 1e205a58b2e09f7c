// Waiting: nobody sleeps over what there is. Deadlines are the far end of time, so that a lost wakeup shows as
// everybody waiting; the short naps that the library takes for convenience do end.
#include <ferrule/waiter/futex.hpp>

#include "barriers.hpp"
#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

constexpr auto forever = platform::time_point::max();

template <class Barrier>
using futex = waiter::futex<futex_scope::process_private, Barrier>;

/// Both sides sleep whenever there is nothing to do; then the writer closes.
template <std::size_t N, class Cursor, class Barrier, std::uint64_t Start, std::uint32_t Count>
struct both_sleep : pipe<std::uint32_t, N, Cursor, Start, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!this->tx.try_push(i)) {
                require(this->tx.wait_writable(1, forever) == status::ok, "no room, and no end");
            }
        }
        this->tx.close();
    }
    void read_all() {
        std::uint32_t received = 0;
        while (this->rx.wait_readable(1, forever) == status::ok) {
            require(this->rx.try_pop() == received++, "elements out of order");
        }
        require(received == Count, "the stream ended before its last element");
    }
};

/// The reader wants two at a time, and the last one comes alone.
template <class Cursor, class Barrier>
struct reader_wants_two : pipe<std::uint32_t, 2, Cursor, before_the_wrap, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    static constexpr std::uint32_t count = 3;
    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t i = 0; i != count; ++i) {
            while (!this->tx.try_push(i)) {
                require(this->tx.wait_writable(1, forever) == status::ok, "no room, and no end");
            }
        }
        this->tx.close();
    }
    void read_all() {
        require(this->rx.wait_readable(2, forever) == status::ok, "two were sent");
        require(this->rx.try_pop() == 0U && this->rx.try_pop() == 1U, "elements out of order");
        require(this->rx.wait_readable(2, forever) == status::closed, "one more is not two");
        require(this->rx.try_pop() == 2U && this->rx.finished(), "the last element was lost");
    }
};

/// The writer sleeps on a full ring; the reader takes one element and leaves for good.
template <class Barrier>
struct reader_leaves : pipe<std::uint32_t, 1, cursor::cached, 0, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me == 1) {
            (void)this->rx.try_pop();
            this->rx.close();
            return;
        }
        while (this->tx.wait_writable(1, forever) == status::ok) {
            (void)this->tx.try_push(0U);
        }
        require(this->tx.state() == status::closed, "the reader closed, and the writer says something else");
    }
    void settle() {}
};

constexpr hazards deadlines_pass{.timeouts = true};
constexpr hazards woken_by_nobody{.spurious_wakes = 1, .timeouts = true};
constexpr hazards no_heavy_fences{.timeouts = true, .heavy_fences = false};

constexpr limits all_of_it{};
constexpr limits two_preemptions{.preemptions = 2};
constexpr limits three_preemptions{.preemptions = 3};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = deadlines_pass, limits within = all_of_it) {
    to.push_back(entry_for<State>(std::string{"waiting/"} + name, expectation::holds, may_happen, within));
}

}  // namespace

void add_waiting(catalogue& to) {
    add<both_sleep<1, cursor::cached, symmetric, 0, 1>>(to, "1 through 1, symmetric");
    add<both_sleep<1, cursor::cached, asymmetric, 0, 1>>(to, "1 through 1, asymmetric");
    add<both_sleep<1, cursor::cached, asymmetric, 0, 1>>(to, "1 through 1, asymmetric, refused", no_heavy_fences);
    add<reader_leaves<symmetric>>(to, "for a reader that leaves, symmetric");
    add<reader_leaves<asymmetric>>(to, "for a reader that leaves, asymmetric");
    add<reader_leaves<symmetric>>(to, "for a reader that leaves, woken by nobody", woken_by_nobody, three_preemptions);
    add<both_sleep<1, cursor::direct, symmetric, before_the_wrap, 2>>(to, "2 through 1, direct, symmetric",
                                                                      deadlines_pass, two_preemptions);
    add<both_sleep<1, cursor::cached, asymmetric, before_the_wrap, 2>>(to, "2 through 1, cached, asymmetric",
                                                                       deadlines_pass, three_preemptions);
    add<both_sleep<4, cursor::cached, asymmetric, before_the_wrap, 5>>(to, "5 through 4, cached, asymmetric",
                                                                       deadlines_pass, two_preemptions);
    add<reader_wants_two<cursor::cached, asymmetric>>(to, "for 2 of 3, asymmetric", deadlines_pass, three_preemptions);
}

}  // namespace ferrule::model
