// Giving an end back and claiming it anew: one thread at a time has it, and goes on where the last one stopped, with
// nothing but the claim between the two.
#include <optional>

#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

using ring_type = ring_of<std::uint32_t, 2>;

template <class Cursor>
struct producers_take_turns {
    static constexpr unsigned threads = 3;
    ring_type ring{waiter::never{}, starting_at{before_the_wrap}};
    consumer<ring_type, Cursor, guard::none> rx = ring.claim_consumer<Cursor, guard::none>();
    plain<std::uint32_t> next{0};  // Private to whoever has the producer.
    std::uint32_t received = 0;

    void run(unsigned me) { me == 2 ? pop() : push(); }
    void settle() {
        pop();
        require(received == next.read(), "an element was lost, or came twice");
    }

private:
    void push() {
        if (auto tx = ring.claim_producer<Cursor, guard::none>()) {
            const std::uint32_t value = next.read();
            next.write(value + (tx.try_push(value) ? 1U : 0U));
        }
    }
    void pop() {
        for (int tried = 0; tried != 2; ++tried) {
            if (const auto popped = rx.try_pop()) {
                require(*popped == received++, "elements out of order");
            }
        }
    }
};

template <class Cursor>
struct consumers_take_turns {
    static constexpr unsigned threads = 3;
    ring_type ring{waiter::never{}, starting_at{0}};
    producer<ring_type, Cursor, guard::none> tx = ring.claim_producer<Cursor, guard::none>();
    plain<std::uint32_t> next{0};  // Private to whoever has the consumer.

    consumers_take_turns() { require(tx.try_push(0U) && tx.try_push(1U), "no room in an empty ring"); }
    void run(unsigned me) {
        if (me == 2) {
            (void)tx.try_push(2U);
        } else if (auto rx = ring.claim_consumer<Cursor, guard::none>()) {
            const auto popped = rx.try_pop();
            require(popped == next.read(), "the second reader did not go on where the first one stopped");
            next.write(*popped + 1);
        }
    }
    void settle() { require(next.read() >= 1, "nobody could claim a free end"); }
};

/// An element that the ring has to destroy.
struct keepsake {
    std::uint32_t value;
    explicit keepsake(std::uint32_t v) noexcept : value{v} {}
    keepsake(keepsake&& other) noexcept : value{other.value} {}
    keepsake& operator=(keepsake&&) = delete;
    ~keepsake() {}  // NOLINT: not trivial, that is the point.
};

/// One thread gives its end back, another destroys the ring with what was left in it. It has heard of the end's death,
/// but in no way that would order anything: if it hears too early, the ring stops the program.
struct ring_dies_after_its_end {
    static constexpr unsigned threads = 2;
    using ring_of_keepsakes = ring_of<keepsake, 2>;
    std::optional<ring_of_keepsakes> ring{std::in_place, waiter::never{}, starting_at{before_the_wrap}};
    std::optional<producer<ring_of_keepsakes, cursor::cached, guard::none>> tx{
        ring->claim_producer<cursor::cached, guard::none>()};
    platform::atomic<std::uint32_t> rumour{0};

    void run(unsigned me) {
        if (me == 0) {
            require(tx->try_emplace(1U), "no room in an empty ring");
            tx.reset();
            rumour.store(1, std::memory_order_relaxed);
            return;
        }
        while (rumour.load(std::memory_order_relaxed) == 0) {
            platform::pause();
        }
        ring.reset();
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name) {
    to.push_back(entry_for<State>(std::string{"hand-over/"} + name, expectation::holds));
}

}  // namespace

void add_hand_over(catalogue& to) {
    add<producers_take_turns<cursor::cached>>(to, "of the writing end, cached");
    add<producers_take_turns<cursor::direct>>(to, "of the writing end, direct");
    add<producers_take_turns<holding_back>>(to, "of the writing end, holding back");
    add<consumers_take_turns<cursor::cached>>(to, "of the reading end, cached");
    add<consumers_take_turns<cursor::direct>>(to, "of the reading end, direct");
    to.push_back(entry_for<ring_dies_after_its_end>("hand-over/of what is left to the ring's destructor",
                                                    expectation::holds, {.may_stop = true}));
}

}  // namespace ferrule::model
