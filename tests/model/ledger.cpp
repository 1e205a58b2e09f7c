// The ordering rule alone: the ledger's two halves, a ring and TCP, and two threads that look again and again. Bytes
// are their positions in the stream.
#include <array>

#include <ferrule/splice/ledger.hpp>

#include "catalogue.hpp"
#include "modelled_tcp.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

using splice::inlet;
using splice::outlet;

constexpr unsigned sender = 0;

/// How often the sender may do what it need not.
struct moods {
    unsigned late_acknowledgements = 0;
    unsigned withdrawals = 0;
    unsigned spills = 0;
    unsigned feeds = 0;  ///< More bytes by TCP, although the last ones may still be there.
};

/// One direction of `Bytes` bytes, spliced through a ring of `N` and a TCP that holds `Window`.
template <std::size_t N, std::size_t Window, unsigned Bytes>
struct direction {
    static constexpr unsigned threads = 2;

    explicit direction(moods may) : moods_{may}, from_tcp{there, back, reset, may.late_acknowledgements} {}

    using ring_type = ring_of<std::byte, N>;
    using flow_type = flow<Window, Bytes + 1>;

    moods moods_;
    bool reset = false;
    flow_type there;
    flow_type back;
    modelled_tcp<flow_type> from_tcp;
    modelled_tcp<flow_type> to_tcp{back, there, reset};
    ring_type ring{waiter::never{}, starting_at{before_the_wrap}};
    producer<ring_type, cursor::cached, guard::none> tx = ring.template claim_producer<cursor::cached, guard::none>();
    consumer<ring_type, cursor::cached, guard::none> rx = ring.template claim_consumer<cursor::cached, guard::none>();
    splice::side_words<platform> from_words;
    splice::side_words<platform> to_words;
    splice::sending<platform> from{from_words, to_words};
    splice::receiving<platform> to{to_words, from_words};
    unsigned sent = 0;
    unsigned received = 0;
    unsigned by_ring = 0;
    unsigned opened_after = 0;  ///< How many flushes.
    unsigned flushes = 0;
    unsigned returns = 0;
    bool spilled = false;
    bool reset_was_seen = false;

    /// Before the threads: both agree on the ring.
    void agree() {
        to.be_ready();
        begin_flush();
        require(!read(), "there is nothing to read yet");
        require(from.next() == outlet::ring, "an answered flush does not open the ring");
    }

    // The sender.
    void write(unsigned until) {
        while (sent != until) {
            if (!write_one()) {
                platform::pause();
            }
        }
    }
    [[nodiscard]] bool write_one() {
        switch (from.next()) {
            case outlet::ring:
                return write_to_ring() || (feels_like(moods_.spills) && write_to_tcp());
            case outlet::settling:
                return feels_like(moods_.feeds) && write_to_tcp();
            case outlet::flushing:
                return feels_like(moods_.withdrawals) && write_to_tcp();
            case outlet::tcp:
                break;
        }
        if (from.may_flush() && from_tcp.unacknowledged().value_or(1) == 0) {
            begin_flush();
            return true;
        }
        return write_to_tcp();
    }
    [[nodiscard]] bool write_to_ring() {
        if (!tx.try_push(static_cast<std::byte>(sent))) {
            return false;
        }
        returns += spilled ? 1U : 0U;
        ++sent;
        ++by_ring;
        return true;
    }
    [[nodiscard]] bool write_to_tcp() {
        const auto byte = static_cast<std::byte>(sent);
        const auto n = from_tcp.send({&byte, 1}, blocking::no);
        if (!n) {
            reset_was_seen = !n.would_block();
            require(n.would_block() || reset, "a connection that nobody closed refuses bytes");
            return false;
        }
        spilled = spilled || from.is_open();
        from.sent_by_tcp(*n);
        ++sent;
        return true;
    }
    void begin_flush() {
        from.begin_flush();
        ++flushes;
    }
    static bool feels_like(unsigned& mood) {
        if (mood == 0 || here().choose(2) == 0) {
            return false;
        }
        --mood;
        return true;
    }
    void say_goodbye() {
        from.finish();
        from_words.endpoint.half_closed.store(1, std::memory_order_release);
        require(bool{from_tcp.finish_sending()}, "TCP refuses a FIN");
    }

    // The receiver.
    /// False if there was nothing.
    bool read() {
        std::array<std::byte, Bytes> room{};
        const auto ring_has = [this] { return rx.readable_at_least() != 0; };
        const auto tcp_has = [this] { return to_tcp.readable(); };
        switch (to.next(ring_has, tcp_has)) {
            case inlet::ring:
                take(room, rx.try_read(room));
                return true;
            case inlet::tcp: {
                const auto n = to_tcp.receive(room, blocking::no);
                if (n) {
                    take(room, *n);
                    to.took(*n);
                    ended = *n == 0;
                    return true;
                }
                require(n.would_block(), "a connection that nobody closed is reset");
                break;
            }
            case inlet::nothing:
                break;
        }
        (void)to.answer();
        return false;
    }
    void read_or_rest() {
        if (!read()) {
            here().rest(source_line::current());
        }
    }
    void read_until(unsigned all) {
        while (received < all) {
            read_or_rest();
            require(!ended, "the stream ended before its last byte");
        }
    }
    void read_to_the_end() {
        while (!ended) {
            read_or_rest();
        }
        require(received == Bytes, "the stream ended before its last byte");
    }
    void take(const std::array<std::byte, Bytes>& from_there, std::size_t n) {
        for (std::size_t i = 0; i != n; ++i) {
            require(from_there[i] == static_cast<std::byte>(received), "bytes out of order");
            ++received;
        }
    }
    bool ended = false;
};

/// From a TCP with a byte in flight to the ring, with a flush that may be withdrawn.
template <std::size_t N, std::size_t Window, unsigned Bytes, unsigned Withdrawals, unsigned Late>
struct opening : direction<N, Window, Bytes> {
    opening() : direction<N, Window, Bytes>{{.late_acknowledgements = Late, .withdrawals = Withdrawals}} {
        this->to.be_ready();
    }
    void run(unsigned me) {
        if (me == sender) {
            require(this->write_to_tcp(), "no room in an empty window");
            this->write(Bytes);
        } else {
            this->read_until(Bytes);
        }
    }
    void settle() { reached(this->by_ring != 0 && this->flushes == Withdrawals + 1); }
};

/// The receiver looks at TCP alone for a byte or two before it is ready.
template <std::size_t N, std::size_t Window, unsigned Bytes>
struct in_mid_life : direction<N, Window, Bytes> {
    in_mid_life() : direction<N, Window, Bytes>{{}} {}
    void run(unsigned me) {
        if (me == sender) {
            require(this->write_to_tcp(), "no room in an empty window");
            this->write(Bytes);
        } else {
            while (this->received == 0) {
                std::array<std::byte, Bytes> room{};
                if (const auto n = this->to_tcp.receive(room, blocking::no)) {
                    this->take(room, *n);
                } else {
                    here().rest(source_line::current());
                }
            }
            this->to.be_ready();
            this->read_until(Bytes);
        }
    }
    void settle() { reached(this->by_ring != 0); }
};

/// What came by TCP before the drain was counted, and what goes by TCP after it is counted from there on.
struct counting : direction<1, 1, 3> {
    counting() : direction{{}} {
        to.be_ready();
        require(write_to_tcp(), "no room in an empty window");
        begin_flush();
    }
    void run(unsigned me) {
        if (me == sender) {
            while (from.next() != outlet::ring) {
                platform::pause();
            }
            while (!write_to_tcp()) {
                platform::pause();
            }
            write(3);
        } else {
            read_until(3);
        }
    }
    void settle() {
        require(!from.is_finished(), "an honest count was taken for a lie");
        reached(by_ring == 1);
    }
};

/// The ring is full, and bytes go by TCP, until the receiver has taken them.
template <std::size_t N, std::size_t Window, unsigned Bytes, unsigned Spills, unsigned Feeds>
struct spilling : direction<N, Window, Bytes> {
    spilling() : direction<N, Window, Bytes>{{.spills = Spills, .feeds = Feeds}} { this->agree(); }
    void run(unsigned me) { me == sender ? this->write(Bytes) : this->read_until(Bytes); }
    void settle() {
        require(!this->from.is_finished(), "an honest count was taken for a lie");
        reached(this->returns != 0);
    }
};

/// The FIN follows the last byte, whichever way that went.
template <std::size_t N, std::size_t Window, unsigned Bytes, unsigned Spills>
struct half_closing : direction<N, Window, Bytes> {
    half_closing() : direction<N, Window, Bytes>{{.spills = Spills}} { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            this->write(Bytes);
            this->say_goodbye();
        } else {
            this->read_to_the_end();
        }
    }
    void settle() { reached(this->spilled == (Spills != 0)); }
};

/// The receiver wants to leave the ring after `After` bytes; the rest comes by TCP.
template <std::size_t N, std::size_t Window, unsigned Bytes, unsigned After>
struct leaving : direction<N, Window, Bytes> {
    leaving() : direction<N, Window, Bytes>{{}} { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            while (this->sent != Bytes) {
                if (this->from.hear() && this->from.must_leave()) {
                    this->from.leave();
                }
                if (!this->write_one()) {
                    platform::pause();
                }
            }
        } else {
            this->read_until(After);
            this->to_words.endpoint.leaving.store(1, std::memory_order_relaxed);
            this->read_until(Bytes);
        }
    }
    void settle() { reached(this->to.is_out() && this->by_ring == N); }
};

/// The receiver goes away after `After` bytes, by the barrier that an end would pass. What it leaves unread resets the
/// connection.
template <std::size_t N, std::size_t Window, unsigned Bytes, unsigned After>
struct going_away : direction<N, Window, Bytes> {
    going_away() : direction<N, Window, Bytes>{{.spills = 1}} { this->agree(); }
    void run(unsigned me) { me == sender ? write_while_heard() : go_away(); }
    void settle() {
        require(this->reset || this->received == this->sent, "bytes were lost, and nobody was told");
        reached(this->from.peer_is_gone());
    }

private:
    void write_while_heard() {
        while (this->sent != Bytes && !this->reset_was_seen) {
            const bool wrote = this->write_one();
            platform::full_fence();
            if (this->from.hear() && this->from.peer_is_gone() && this->tx.writable_at_least() != N) {
                const std::byte anything{};
                (void)this->from_tcp.send({&anything, 1}, blocking::no);
            } else if (!wrote && !this->reset_was_seen) {
                here().rest(source_line::current());
            }
        }
    }
    void go_away() {
        this->read_until(After);
        this->to_words.endpoint.gone.store(1, std::memory_order_relaxed);
        platform::full_fence();
        this->to_tcp.close(this->rx.readable_at_least() != 0 ? farewell::reset : farewell::orderly);
    }
};

/// A FIN behind a half-close is not taken for a death.
struct fin_of_the_living : direction<1, 1, 1> {
    fin_of_the_living() : direction{{}} { agree(); }
    void run(unsigned me) {
        if (me == sender) {
            while (!from_tcp.readable()) {
                platform::pause();
            }
            require(!from.fin_means_death(), "a half-close was taken for a death");
        } else {
            to_words.endpoint.half_closed.store(1, std::memory_order_release);
            require(bool{to_tcp.finish_sending()}, "TCP refuses a FIN");
        }
    }
    void settle() {}
};

template <class State>
void add(catalogue& to, const char* name, expectation ends = expectation::reachable, limits within = {},
         bool takes_long = false) {
    to.push_back(entry_for<State>(std::string{"ledger/"} + name, ends, {}, within, takes_long));
}

}  // namespace

void add_ledger(catalogue& to) {
    add<counting>(to, "spilling as soon as the ring is open, 3 bytes");
    add<opening<1, 1, 2, 0, 1>>(to, "opening, 2 bytes");
    add<opening<2, 2, 3, 0, 1>>(to, "opening, 3 bytes");
    add<opening<1, 1, 3, 1, 0>>(to, "opening, a flush withdrawn, 3 bytes");
    add<in_mid_life<1, 1, 3>>(to, "opening in mid-life, 3 bytes");
    add<spilling<1, 1, 3, 1, 0>>(to, "spilling and returning, 3 bytes");
    add<spilling<1, 2, 3, 1, 1>>(to, "spilling and returning, 3 bytes, 2 by TCP");
    add<half_closing<1, 1, 2, 0>>(to, "half-close, 2 bytes");
    add<half_closing<1, 1, 2, 1>>(to, "half-close behind a spill, 2 bytes");
    add<leaving<1, 1, 2, 0>>(to, "leaving, 2 bytes");
    add<leaving<1, 1, 3, 1>>(to, "leaving, 3 bytes");
    add<going_away<1, 1, 1, 0>>(to, "going away, 1 byte");
    add<going_away<1, 1, 2, 1>>(to, "going away, 2 bytes");
    add<fin_of_the_living>(to, "a half-close is no death", expectation::holds);
}

}  // namespace ferrule::model
