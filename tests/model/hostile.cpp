// A peer that stores anything, at any moment, into the words that are its own. The victim moves no more than a
// capacity, touches no memory but the slots, comes to an end of every call, and once it has seen something impossible
// says `corrupt` for good. What the slots contain is the peer's business.
#include <array>
#include <span>

#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {

using hostile_ring = ring_of<std::byte, 2>;

// The one way to a private member that the language offers to a stranger: explicit instantiations may name it.
announcement<platform>& announcement_in(hostile_ring& ring, role whose) noexcept;

template <announcement<platform>& (hostile_ring::*Member)(role) noexcept>
struct way_in {
    friend announcement<platform>& announcement_in(hostile_ring& ring, role whose) noexcept {
        return (ring.*Member)(whose);
    }
};
template struct way_in<&hostile_ring::announcement_of>;

namespace {

constexpr std::size_t capacity = 2;
constexpr std::uint64_t start = before_the_wrap;

constexpr std::array<std::uint64_t, 7> attacks{
    start, start + 1, start + capacity, start + capacity + 1, start - 1, start + (std::uint64_t{1} << 63U), ~start};

template <class Cursor>
struct ring_with_a_stranger : pipe<std::byte, capacity, Cursor, start> {
    /// Two stores of anything into the cursor, and one into the flag, in between.
    static void attack(announcement<platform>& own, std::memory_order order) {
        own.cursor.store(attacks[here().choose(attacks.size())], order);
        if (here().choose(2) == 1) {
            own.closed.store(7, order);
        }
        own.cursor.store(attacks[here().choose(attacks.size())], order);
    }
    /// What a count and a state may be, whatever the peer does.
    template <class End>
    void check(End& end, std::size_t moved) {
        require(moved <= capacity, "more than a capacity was moved");
        require(!was_corrupt || moved == 0, "a corrupt end still moved something");
        const status now = end.state();
        require(now == status::ok || now == status::closed || now == status::corrupt, "no such state");
        require(!was_corrupt || now == status::corrupt, "corrupt, and then not any more");
        was_corrupt = now == status::corrupt;
    }
    bool was_corrupt = false;
};

template <class Cursor>
struct hostile_writer : ring_with_a_stranger<Cursor> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me == 0) {
            this->attack(announcement_in(this->ring, role::producer), std::memory_order_relaxed);
            return;
        }
        std::array<std::byte, 2 * capacity> to{};
        std::uint64_t total = 0;
        for (int call = 0; call != 3; ++call) {
            const std::size_t moved = this->rx.try_read(std::span{to});
            total += moved;
            this->check(this->rx, moved);
        }
        require(total <= 2 * capacity, "more was read than any writer can have sent");
        (void)this->rx.finished();
        (void)this->rx.peek(capacity);
    }
    void settle() {}
};

template <class Cursor>
struct hostile_reader : ring_with_a_stranger<Cursor> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me == 0) {
            this->attack(announcement_in(this->ring, role::consumer), std::memory_order_relaxed);
            return;
        }
        const std::array<std::byte, 2 * capacity> from{};
        for (int call = 0; call != 3; ++call) {
            this->check(this->tx, this->tx.try_write(std::span{from}));
        }
        (void)this->tx.prepare(1, capacity);
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name) {
    hazards may_happen;
    may_happen.hostile = true;
    to.push_back(entry_for<State>(std::string{"hostile/"} + name, expectation::holds, may_happen));
}

}  // namespace

void add_hostile(catalogue& to) {
    add<hostile_writer<cursor::cached>>(to, "writer, cached");
    add<hostile_writer<cursor::direct>>(to, "writer, direct");
    add<hostile_reader<cursor::cached>>(to, "reader, cached");
    add<hostile_reader<cursor::direct>>(to, "reader, direct");
}

}  // namespace ferrule::model
