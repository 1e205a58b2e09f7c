// Elements arrive in order, each once, and no slot is touched by both sides at a time.
#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

template <std::size_t N, class Cursor, std::uint64_t Start, unsigned Count>
struct in_order : pipe<std::uint32_t, N, Cursor, Start> {
    static constexpr unsigned threads = 2;

    void run(unsigned me) {
        for (std::uint32_t i = 1; i <= Count; ++i) {
            me == 0 ? push(i) : pop(i);
        }
        if (me == 0) {
            this->tx.publish();
        }
    }
    void settle() { require(!this->rx.try_pop(), "an element was left over"); }

private:
    void push(std::uint32_t value) {
        while (!this->tx.try_push(value)) {
            platform::pause();
        }
    }
    void pop(std::uint32_t expected) {
        auto popped = this->rx.try_pop();
        while (!popped) {
            platform::pause();
            popped = this->rx.try_pop();
        }
        require(*popped == expected, "elements out of order");
    }
};

/// Each side tries a number of times and never waits: what arrives is a prefix, whoever is faster.
template <std::size_t N, class Cursor>
struct without_waiting : pipe<std::uint32_t, N, Cursor, 0> {
    static constexpr unsigned threads = 2;
    std::uint32_t sent = 0;
    std::uint32_t received = 0;

    void run(unsigned me) {
        for (unsigned tried = 0; tried != 3; ++tried) {
            me == 0 ? push() : pop();
        }
    }
    void settle() {
        while (received != sent) {
            require(this->rx.try_pop() == ++received, "an element was lost");
        }
        require(!this->rx.try_pop(), "an element was left over");
    }

private:
    void push() { sent += this->tx.try_push(sent + 1) ? 1U : 0U; }
    void pop() {
        if (const auto popped = this->rx.try_pop()) {
            require(*popped == ++received, "elements out of order");
        }
    }
};

/// A third party may guess a size at any time; the guess stays within the capacity.
template <std::size_t N>
struct observed : pipe<std::uint32_t, N, cursor::cached, before_the_wrap> {
    static constexpr unsigned threads = 3;
    void run(unsigned me) {
        if (me == 2) {
            require(this->ring.size_guess() <= N, "a guess beyond the capacity");
            return;
        }
        for (std::uint32_t i = 0; i != 2; ++i) {
            if (me == 0) {
                (void)this->tx.try_push(i);
            } else {
                (void)this->rx.try_pop();
            }
        }
    }
    void settle() {
        while (this->rx.try_pop()) {
        }
    }
};

template <class State>
void add(catalogue& to, const char* name, bool takes_long = false) {
    to.push_back(entry_for<State>(std::string{"elements/"} + name, expectation::holds, {}, {}, takes_long));
}

/// Every capacity up to 4, with 4 pushes and 4 pops, wrapping in the middle.
template <class Cursor>
void add_capacities(catalogue& to, const std::string& cursor) {
    add<in_order<1, Cursor, before_the_wrap, 4>>(to, ("in order, 4 through 1, " + cursor).c_str());
    add<in_order<2, Cursor, before_the_wrap, 4>>(to, ("in order, 4 through 2, " + cursor).c_str(), true);
    add<in_order<4, Cursor, before_the_wrap, 4>>(to, ("in order, 4 through 4, " + cursor).c_str());
    add<in_order<4, Cursor, 0, 4>>(to, ("in order, 4 through 4, from the beginning, " + cursor).c_str());
}

}  // namespace

void add_elements(catalogue& to) {
    add_capacities<cursor::cached>(to, "cached");
    add_capacities<cursor::direct>(to, "direct");
    add_capacities<holding_back>(to, "holding back");
    add<without_waiting<1, cursor::direct>>(to, "without waiting, 3 tries, 1, direct");
    add<without_waiting<2, cursor::cached>>(to, "without waiting, 3 tries, 2, cached");
    add<observed<2>>(to, "size guessed by a third thread");
}

}  // namespace ferrule::model
