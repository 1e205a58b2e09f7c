// Two minima that can never both hold: somebody is told, and nobody sleeps for ever. Minima that can: nobody is told.
#include <array>

#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

/// There are `Present` elements in a ring of N; the writer waits for more room than that leaves, the reader for more
/// elements. Whoever is told so closes, which ends the other's wait.
template <std::size_t N, std::size_t Present, std::size_t Room, std::size_t Elements, class Barrier>
struct cannot_both_hold : pipe<std::uint32_t, N, cursor::cached, before_the_wrap, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    std::array<status, 2> told{};

    cannot_both_hold() {
        for (std::uint32_t i = 0; i != Present; ++i) {
            require(this->tx.try_push(i), "no room in an empty ring");
        }
    }
    void run(unsigned me) {
        told[me] = me == 0 ? this->tx.wait_writable(Room, forever) : this->rx.wait_readable(Elements, forever);
        if (told[me] == status::stalled) {
            me == 0 ? this->tx.close() : this->rx.close();
        }
    }
    void settle() {
        const bool writer_told = told[0] == status::stalled;
        const bool reader_told = told[1] == status::stalled;
        require(writer_told || reader_told, "nobody was told");
        require(writer_told || told[0] == status::closed, "the writer did not learn that it is over");
        require(reader_told || told[1] == status::closed, "the reader did not learn that it is over");
        reached(writer_told && reader_told);
    }
};

/// The writer wants `Room` at a time and the reader `Elements`, which fit into the ring together, whatever is there.
template <std::size_t N, std::size_t Room, std::size_t Elements, std::uint32_t Count, class Barrier>
struct can_both_hold : pipe<std::uint32_t, N, cursor::cached, before_the_wrap, futex<Barrier>> {
    static_assert(Room + Elements <= N + 1);
    static_assert(Count % Room == 0 && Count % Elements == 0);
    static constexpr unsigned threads = 2;
    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t sent = 0; sent != Count;) {
            require(this->tx.wait_writable(Room, forever) == status::ok, "no room, and no end");
            for (std::size_t i = 0; i != Room; ++i) {
                require(this->tx.try_push(sent++), "less room than was waited for");
            }
        }
    }
    void read_all() {
        for (std::uint32_t received = 0; received != Count;) {
            require(this->rx.wait_readable(Elements, forever) == status::ok, "no elements, and no end");
            for (std::size_t i = 0; i != Elements; ++i) {
                require(this->rx.try_pop() == received++, "fewer elements than were waited for");
            }
        }
    }
};

template <class State>
void add(catalogue& to, const char* name, limits within = all_of_it, bool takes_long = false) {
    to.push_back(
        entry_for<State>(std::string{"stalls/"} + name, expectation::holds, deadlines_pass, within, takes_long));
}

// Two who come at the same time may both be told.
template <class State>
void add_true_stall(catalogue& to, const char* name, limits within = all_of_it) {
    to.push_back(entry_for<State>(std::string{"stalls/"} + name, expectation::reachable, deadlines_pass, within));
}

}  // namespace

void add_stalls(catalogue& to) {
    add_true_stall<cannot_both_hold<2, 1, 2, 2, symmetric>>(to, "2 free and 2 present in 2, symmetric");
    add_true_stall<cannot_both_hold<2, 1, 2, 2, asymmetric>>(to, "2 free and 2 present in 2, asymmetric");
    add_true_stall<cannot_both_hold<4, 2, 3, 3, asymmetric>>(to, "3 free and 3 present in 4, asymmetric");
    add<can_both_hold<2, 1, 2, 2, asymmetric>>(to, "1 free and 2 present in 2, asymmetric", up_to(4));
    add<can_both_hold<2, 2, 1, 4, asymmetric>>(to, "2 free and 1 present in 2, asymmetric", up_to(3), true);
    add<can_both_hold<4, 2, 2, 4, asymmetric>>(to, "2 free and 2 present in 4, asymmetric", up_to(4));
}

}  // namespace ferrule::model
