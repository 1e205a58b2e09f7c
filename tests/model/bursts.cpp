// A burst of publications that wakes once: between hold_wakes() and whatever ends it nobody is woken, and nobody is
// forgotten.
#include <ferrule/waiter/eventfd.hpp>

#include <optional>

#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

template <class Barrier>
using eventfd = waiter::basic_eventfd<Barrier>;

/// The ways a burst of two elements ends.
enum class by { releasing, closing, waiting, arming, dying };

template <by End, std::size_t N, class Cursor, class Waiter>
struct burst {
    static constexpr unsigned threads = 2;
    using ring_type = ring_of<std::uint32_t, N, Waiter>;
    ring_type ring{Waiter{}, starting_at{before_the_wrap}};
    std::optional<producer<ring_type, Cursor, guard::none>> tx{ring.template claim_producer<Cursor, guard::none>()};
    consumer<ring_type, Cursor, guard::none> rx = ring.template claim_consumer<Cursor, guard::none>();

    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        tx->hold_wakes();
        for (std::uint32_t i = 0; i != 2; ++i) {
            while (!tx->try_push(i)) {
                require(tx->wait_writable(1, forever) == status::ok, "no room, and no end");
            }
        }
        switch (End) {
            case by::releasing:
                tx->publish();
                return tx->release_wakes();
            case by::closing:
                return tx->close();
            case by::waiting:
                return require(tx->wait_writable(N, forever) == status::ok, "no room, and no end");
            case by::arming:
                return wait_in_a_loop();
            case by::dying:
                return tx.reset();
        }
    }
    void wait_in_a_loop() {
        if constexpr (End == by::arming) {
            while (tx->arm(N)) {
                poll_until_readable(tx->poll_fd());
            }
        }
    }
    void read_all() {
        for (std::uint32_t i = 0; i != 2; ++i) {
            require(rx.wait_readable(1, forever) == status::ok, "an element was lost");
            require(rx.try_pop() == i, "elements out of order");
        }
    }
};

/// The reader holds its wakes while it takes two elements, for each of which the writer waits to have room.
template <class Barrier>
struct reader_holds : pipe<std::uint32_t, 2, cursor::cached, 0, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    reader_holds() { require(this->tx.try_push(0U) && this->tx.try_push(1U), "no room in an empty ring"); }
    void run(unsigned me) {
        if (me == 0) {
            require(this->tx.wait_writable(1, forever) == status::ok && this->tx.try_push(2U), "no room, and no end");
            return;
        }
        this->rx.hold_wakes();
        require(this->rx.try_pop() == 0U && this->rx.try_pop() == 1U, "elements out of order");
        this->rx.release_wakes();
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name, limits within = up_to(3)) {
    to.push_back(entry_for<State>(std::string{"bursts/"} + name, expectation::holds, deadlines_pass, within));
}

}  // namespace

void add_bursts(catalogue& to) {
    add<burst<by::releasing, 2, cursor::cached, futex<asymmetric>>>(to, "released, asymmetric");
    add<burst<by::releasing, 4, holding_back, futex<symmetric>>>(to, "released, holding back, symmetric");
    add<burst<by::releasing, 1, cursor::cached, futex<symmetric>>>(to, "longer than the ring, symmetric", up_to(2));
    add<burst<by::closing, 2, cursor::cached, futex<asymmetric>>>(to, "ended by closing, asymmetric");
    add<burst<by::waiting, 2, cursor::cached, futex<asymmetric>>>(to, "ended by waiting, asymmetric");
    add<burst<by::arming, 2, cursor::cached, eventfd<asymmetric>>>(to, "ended by arming, asymmetric");
    add<burst<by::dying, 2, cursor::cached, futex<asymmetric>>>(to, "ended by dying, asymmetric");
    add<reader_holds<asymmetric>>(to, "of the reader, asymmetric");
}

}  // namespace ferrule::model
