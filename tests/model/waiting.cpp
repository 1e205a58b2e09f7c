// Waiting: nobody sleeps over what there is.
#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

template <std::size_t N, class Cursor, class Barrier, std::uint64_t Start, std::uint32_t Count>
using both_sleep = both_wait<N, Cursor, futex<Barrier>, Start, Count>;

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

/// A whole ring at a time, and nothing at all.
template <std::uint32_t N, class Barrier>
struct by_the_ringful : pipe<std::uint32_t, N, cursor::cached, before_the_wrap, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        for (std::uint32_t round = 0; round != 2; ++round) {
            me == 0 ? fill(round) : empty(round);
        }
    }
    void settle() {}

private:
    void fill(std::uint32_t round) {
        require(this->tx.wait_writable(N, forever) == status::ok, "a ring that is read never becomes empty");
        for (std::uint32_t i = 0; i != N; ++i) {
            require(this->tx.try_push(round * N + i), "less room than was waited for");
        }
        require(this->tx.wait_writable(0, forever) == status::ok, "nothing is always there");
    }
    void empty(std::uint32_t round) {
        require(this->rx.wait_readable(N, forever) == status::ok, "a ring that is written never becomes full");
        for (std::uint32_t i = 0; i != N; ++i) {
            require(this->rx.try_pop() == round * N + i, "fewer elements than were waited for");
        }
        require(this->rx.wait_readable(0, forever) == status::ok, "nothing is always there");
        require(this->rx.wait_readable(N + 1, forever) == status::too_large, "more than there can ever be");
    }
};

/// The writer sleeps on a full ring until half of it is free; the reader takes one, and waits for a full ring.
template <class Barrier>
struct roused : pipe<std::uint32_t, 4, cursor::cached, before_the_wrap, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    roused() {
        for (std::uint32_t i = 0; i != 4; ++i) {
            require(this->tx.try_push(i), "no room in an empty ring");
        }
    }
    void run(unsigned me) {
        if (me == 0) {
            require(this->tx.wait_writable(1, forever) == status::ok && this->tx.try_push(4U), "no room, and no end");
        } else {
            require(this->rx.try_pop() == 0U, "an element was lost");
            require(this->rx.wait_readable(4, forever) == status::ok, "a ring that is written never becomes full");
        }
    }
    void settle() {}
};

constexpr hazards no_heavy_fences{.timeouts = true, .heavy_fences = false};
constexpr hazards a_heavy_fence_is_refused{.timeouts = true, .fences_refused = 1};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = deadlines_pass, limits within = all_of_it,
         bool takes_long = false) {
    to.push_back(entry_for<State>(std::string{"waiting/"} + name, expectation::holds, may_happen, within, takes_long));
}

}  // namespace

void add_waiting(catalogue& to) {
    add<both_sleep<1, cursor::cached, symmetric, 0, 1>>(to, "1 through 1, symmetric");
    add<both_sleep<1, cursor::cached, asymmetric, 0, 1>>(to, "1 through 1, asymmetric");
    add<both_sleep<1, cursor::cached, asymmetric, 0, 1>>(to, "1 through 1, asymmetric, without heavy fences",
                                                         no_heavy_fences);
    add<both_sleep<1, cursor::cached, asymmetric, 0, 1>>(to, "1 through 1, asymmetric, refused once",
                                                         a_heavy_fence_is_refused, up_to(3));
    add<both_sleep<1, cursor::cached, symmetric, 0, 1>>(to, "1 through 1, symmetric, woken by nobody", woken_by_nobody,
                                                        up_to(4), true);
    add<reader_leaves<symmetric>>(to, "for a reader that leaves, symmetric");
    add<reader_leaves<asymmetric>>(to, "for a reader that leaves, asymmetric");
    add<reader_leaves<symmetric>>(to, "for a reader that leaves, woken by nobody", woken_by_nobody, up_to(3));
    add<both_sleep<1, cursor::direct, symmetric, before_the_wrap, 2>>(to, "2 through 1, direct, symmetric",
                                                                      deadlines_pass, up_to(3), true);
    add<both_sleep<1, cursor::cached, asymmetric, before_the_wrap, 2>>(to, "2 through 1, cached, asymmetric",
                                                                       deadlines_pass, up_to(3), true);
    add<both_sleep<4, cursor::cached, asymmetric, 0, 5>>(to, "5 through 4, without naps, asymmetric", {}, up_to(2),
                                                         true);
    add<both_sleep<2, cursor::cached, symmetric, 0, 3>>(to, "3 through 2, without naps, symmetric", {}, up_to(3), true);
    add<both_sleep<2, holding_back, asymmetric, 0, 3>>(to, "3 through 2, holding back, asymmetric", deadlines_pass,
                                                       up_to(3));
    add<both_sleep<4, cursor::cached, asymmetric, before_the_wrap, 5>>(to, "5 through 4, cached, asymmetric",
                                                                       deadlines_pass, up_to(2), true);
    add<reader_wants_two<cursor::cached, asymmetric>>(to, "for 2 of 3, asymmetric", deadlines_pass, up_to(3), true);
    add<roused<symmetric>>(to, "for what a sleeper has room for, without naps, symmetric", {});
    add<roused<asymmetric>>(to, "for what a sleeper has room for, without naps, asymmetric", {});
    add<by_the_ringful<2, asymmetric>>(to, "for 2, 0 and 3 of 2, asymmetric", deadlines_pass, up_to(3));
    add<by_the_ringful<1, symmetric>>(to, "for 1, 0 and 2 of 1, symmetric", deadlines_pass, up_to(3), true);
}

}  // namespace ferrule::model
