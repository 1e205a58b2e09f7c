// Whole endpoints of a splice, which sleep whenever there is nothing to do. Bytes are their positions in the stream.
#include <array>
#include <chrono>

#include <ferrule/splice/channel.hpp>
#include <ferrule/waiter/eventfd.hpp>

#include "catalogue.hpp"
#include "modelled_tcp.hpp"
#include "waits.hpp"

namespace ferrule::model {

/// Without the statistics, which nobody looks at and every one of which is a step.
struct uncounted : platform {};

}  // namespace ferrule::model

template <>
class ferrule::splice::tally<ferrule::model::uncounted> {
public:
    static void add(std::uint64_t /*n*/) noexcept {}
};

namespace ferrule::model {
namespace {

template <class Barrier>
using eventfd = waiter::basic_eventfd<Barrier>;

constexpr unsigned sender = 0;
constexpr auto at_once = platform::time_point::min();
constexpr int no_doorbell = -1;

enum class when_full { wait, spill, spill_after_a_while };

constexpr splice::behaviour asleep_at_once(when_full then) {
    constexpr std::array overflows{splice::overflow::never(), splice::overflow::on_full(),
                                   splice::overflow::on_stall()};
    return {.overflow = overflows[static_cast<std::size_t>(then)], .busy_poll = std::chrono::nanoseconds{0}};
}

/// One direction of `Bytes` bytes, spliced through a ring of `N` and a TCP that holds `Window`.
template <std::size_t N, std::size_t Window, unsigned Bytes, class Barrier, when_full Then = when_full::wait>
struct half_duplex {
    static constexpr unsigned threads = 2;

    using ring_type = basic_ring<watched<storage::inlined<std::byte, N>>, eventfd<Barrier>, uncounted>;
    using flow_type = flow<Window, Bytes + 1>;
    using tcp_type = modelled_tcp<flow_type>;
    using words = splice::side_words<uncounted>;

    bool reset = false;
    flow_type there;
    flow_type back;
    tcp_type from_tcp{there, back, reset};
    tcp_type to_tcp{back, there, reset};
    ring_type ring{eventfd<Barrier>{}, starting_at{before_the_wrap}};
    words from_words;
    words to_words;
    splice::behaviour how = asleep_at_once(Then);
    uncounted::atomic<std::uint32_t> deaf{0};
    splice::outgoing_tallies<uncounted> sent_tallies;
    splice::incoming_tallies<uncounted> received_tallies;
    splice::outgoing<ring_type, tcp_type> from{ring, from_words, to_words, from_tcp, how, sent_tallies, deaf};
    splice::incoming<ring_type, tcp_type> to{ring, to_words, from_words, to_tcp, how, received_tallies};
    unsigned sent = 0;
    unsigned received = 0;

    /// Before the threads: both agree on the ring.
    void agree() {
        require(write(0, at_once), "a send of nothing is refused");
        require(!read(at_once), "there is nothing to read yet");
    }

    /// False if it was not all taken.
    bool write(std::size_t n, platform::time_point deadline = forever) {
        std::array<std::byte, Bytes> bytes{};
        for (std::size_t i = 0; i != n; ++i) {
            bytes[i] = static_cast<std::byte>(sent + i);
        }
        const auto done = from.send({bytes.data(), n}, deadline);
        sent += static_cast<unsigned>(done.value_or(0));
        return done && *done == n;
    }
    void write_until(unsigned all) {
        while (sent != all) {
            require(write(1), "a connection that nobody closed refuses bytes");
        }
    }
    void say_goodbye() {
        from.finish();
        require(bool{from_tcp.finish_sending()}, "TCP refuses a FIN");
    }

    /// False if there was nothing, or there will never be.
    bool read(platform::time_point deadline = forever) {
        std::array<std::byte, Bytes> room{};
        const auto n = to.receive(room, deadline);
        for (std::size_t i = 0; i != n.value_or(0); ++i) {
            require(room[i] == static_cast<std::byte>(received), "bytes out of order");
            ++received;
        }
        return n.value_or(0) != 0;
    }
    void read_until(unsigned all) {
        while (received < all) {
            require(read(), "the stream ended before its last byte");
        }
    }

    // The same for programs that only wait in their event loops.
    void write_in_a_loop_until(unsigned all) {
        while (sent != all) {
            if (write(1, at_once)) {
                continue;
            }
            const auto found = from.watch();
            if (!found.now) {
                // What was spilled is read some day: nobody but the reader says so in time.
                const auto until = from.sends_by() == splice::route::mixed ? forever : found.tcp_from;
                (void)from_tcp.park(found.rings ? from.doorbell() : no_doorbell,
                                    {.writable = found.by_tcp, .ended = found.end_is_news},
                                    found.by_tcp ? forever : until);
            }
        }
    }
    void read_in_a_loop_until(unsigned all) {
        while (received < all) {
            if (read(at_once)) {
                continue;
            }
            const auto found = to.watch();
            if (!found.now) {
                (void)to_tcp.park(found.rings ? to.doorbell() : no_doorbell, {.readable = true}, forever);
            }
        }
    }

    /// Looks ahead at as many as there is room for, and takes none.
    void peek() {
        std::array<std::byte, Bytes> room{};
        receive_how ahead;
        ahead.keep = true;
        const auto n = to.receive(room, ahead, at_once);
        for (std::size_t i = 0; i != n.value_or(0); ++i) {
            require(room[i] == static_cast<std::byte>(received + i),
                    "bytes that were looked ahead at are not the next");
        }
    }
    void read_to_the_end() {
        while (read()) {
        }
        require(received == Bytes, "the stream ended before its last byte");
    }
};

/// From TCP to the ring; nothing comes to the rescue of a reader who sleeps over the last byte.
template <std::size_t N, std::size_t Window, unsigned Bytes, class Barrier>
struct from_birth : half_duplex<N, Window, Bytes, Barrier> {
    void run(unsigned me) { me == sender ? this->write_until(Bytes) : this->read_until(Bytes); }
    void settle() { reached(this->from.sends_by() == splice::route::ring); }
};

/// On the ring from the beginning.
template <std::size_t N, std::size_t Window, unsigned Bytes, class Barrier, when_full Then>
struct through_the_ring : half_duplex<N, Window, Bytes, Barrier, Then> {
    through_the_ring() { this->agree(); }
    void run(unsigned me) { me == sender ? this->write_until(Bytes) : this->read_until(Bytes); }
    void settle() { reached(this->from.sends_by() == splice::route::ring); }
};

/// In event loops: the reader, or both. From the beginning, or before there is a way to the ring.
enum class looping { the_reader, both };
template <class Barrier, looping Who, unsigned Bytes, bool Opened, when_full Then = when_full::wait>
struct in_event_loops : half_duplex<1, 1, Bytes, Barrier, Then> {
    in_event_loops() {
        if (Opened) {
            this->agree();
        }
        if (Then == when_full::spill_after_a_while) {
            this->from.be_patient();
        }
    }
    void run(unsigned me) {
        if (me != sender) {
            this->read_in_a_loop_until(Bytes);
        } else if (Who == looping::both) {
            this->write_in_a_loop_until(Bytes);
        } else {
            this->write_until(Bytes);
        }
    }
    void settle() { reached(this->from.sends_by() == splice::route::ring); }
};

/// The reader looks ahead, over what is in the ring and what is in TCP, before it reads.
template <std::size_t N, std::size_t Window, unsigned Bytes, class Barrier, when_full Then>
struct looked_ahead_at : half_duplex<N, Window, Bytes, Barrier, Then> {
    looked_ahead_at() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            this->write_until(Bytes);
        } else {
            this->peek();
            this->peek();
            this->read_until(Bytes);
        }
    }
    void settle() { reached(this->received == Bytes); }
};

/// The FIN follows the last byte.
template <std::size_t N, std::size_t Window, unsigned Bytes, class Barrier, when_full Then>
struct until_its_end : half_duplex<N, Window, Bytes, Barrier, Then> {
    until_its_end() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            this->write_until(Bytes);
            this->say_goodbye();
        } else {
            this->read_to_the_end();
        }
    }
    void settle() { reached(this->received == Bytes); }
};

/// The same, with a reader who looks without waiting before he waits: what he concluded then must still be right.
template <class Barrier>
struct looked_at_before_its_end : half_duplex<1, 1, 1, Barrier> {
    looked_at_before_its_end() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            this->write_until(1);
            this->say_goodbye();
        } else {
            (void)this->read(at_once);
            this->read_to_the_end();
        }
    }
    void settle() { reached(this->received == 1); }
};

/// The reader's endpoint sends nothing more, and goes on reading.
template <unsigned Bytes, class Barrier>
struct half_closed_by_the_reader : half_duplex<1, 1, Bytes, Barrier> {
    half_closed_by_the_reader() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            this->write_until(Bytes);
        } else {
            this->to_words.endpoint.half_closed.store(1, std::memory_order_release);
            require(bool{this->to_tcp.finish_sending()}, "TCP refuses a FIN");
            this->read_until(Bytes);
        }
    }
    void settle() {
        require(this->from.sends_by() == splice::route::ring, "a half-close was taken for a death");
        reached(true);
    }
};

/// The reader's endpoint is gone after its first byte; what it leaves unread resets the connection.
template <std::size_t N, unsigned Bytes, class Barrier, when_full Then>
struct closed_by_the_reader : half_duplex<N, 1, Bytes, Barrier, Then> {
    closed_by_the_reader() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            while (this->sent != Bytes && this->write(1)) {
            }
        } else {
            this->to_tcp.close(this->to.leaves_unread() ? farewell::reset : farewell::orderly);
        }
    }
    void settle() {
        require(this->reset || this->received == this->sent, "bytes were lost, and nobody was told");
        reached(this->reset);
    }
};

/// The reader dies: all that the writer sees of it is a FIN.
template <class Barrier>
struct killed_reader : half_duplex<1, 1, 4, Barrier> {
    killed_reader() { this->agree(); }
    void run(unsigned me) {
        if (me == sender) {
            while (this->sent != 4 && this->write(1)) {
            }
        } else {
            this->to_tcp.close(farewell::orderly);
        }
    }
    void settle() { reached(this->sent != 4); }
};

/// Slots of a ring that is made while others run: whoever claims an end without having been told races with that.
template <class T, std::size_t N>
class made_late : public watched<storage::inlined<T, N>> {
public:
    void make() const { made_.write(1); }
    [[nodiscard]] T* data() noexcept {
        (void)made_.read();
        return watched<storage::inlined<T, N>>::data();
    }

private:
    mutable plain<int> made_{0};
};

/// Two endpoints on TCP are given their rings in mid-life.
template <class Barrier>
struct given_rings {
    static constexpr unsigned threads = 2;
    static constexpr unsigned bytes = 3;

    using ring_type = basic_ring<made_late<std::byte, 2>, eventfd<Barrier>, platform>;
    using flow_type = flow<bytes, bytes>;
    using tcp_type = modelled_tcp<flow_type>;

    bool reset = false;
    flow_type there;
    flow_type back;
    tcp_type first_tcp{there, back, reset};
    tcp_type second_tcp{back, there, reset};
    splice::behaviour how = asleep_at_once(when_full::wait);
    splice::joint<ring_type> rings;
    splice::channel<tcp_type, ring_type> first{first_tcp, how};
    splice::channel<tcp_type, ring_type> second{second_tcp, how};
    splice::route seen = splice::route::tcp;
    unsigned received = 0;

    void run(unsigned me) { me == sender ? send_all() : receive_all(); }
    void settle() {
        reached(first.counts().sent.bytes_by_ring != 0);
        first.close();
        second.close();
    }

private:
    void send_all() {
        for (unsigned i = 0; i != bytes; ++i) {
            const auto byte = static_cast<std::byte>(i);
            require(bool{first.send({&byte, 1}, forever)}, "a connection that nobody closed refuses bytes");
        }
    }
    void receive_all() {
        receive();
        rings.from_first.storage().make();
        first.offer(rings.seat_of(splice::side::first));
        second.offer(rings.seat_of(splice::side::second));
        while (received != bytes) {
            receive();
        }
        seen = first.sends_by();
        require(first.counts().sent.calls <= bytes, "more calls were counted than made");
    }
    void receive() {
        std::array<std::byte, 1> room{};
        require(second.receive(room, forever).value_or(0) == 1, "the stream ended before its last byte");
        require(room[0] == static_cast<std::byte>(received++), "bytes out of order");
    }
};

/// What an endpoint over AF_UNIX has under it.
template <class Flow>
struct modelled_unix : modelled_tcp<Flow> {
    using modelled_tcp<Flow>::modelled_tcp;
    [[nodiscard]] static bool is_like_tcp() noexcept { return false; }
};

/// Two endpoints that have their rings, over a transport that may be like TCP or not.
template <class Barrier, template <class> class Transport>
struct spliced {
    using ring_type = basic_ring<watched<storage::inlined<std::byte, 2>>, eventfd<Barrier>, platform>;
    using flow_type = flow<2, 2>;
    using transport_type = Transport<flow_type>;

    spliced() {
        first.offer(rings.seat_of(splice::side::first));
        second.offer(rings.seat_of(splice::side::second));
    }

    bool reset = false;
    flow_type there;
    flow_type back;
    transport_type first_tcp{there, back, reset};
    transport_type second_tcp{back, there, reset};
    splice::behaviour how = asleep_at_once(when_full::wait);
    splice::joint<ring_type> rings;
    splice::channel<transport_type, ring_type> first{first_tcp, how};
    splice::channel<transport_type, ring_type> second{second_tcp, how};
};

/// One thread ends what an endpoint sends, another what it receives: the kernel then refuses what comes, and one of the
/// two must have said so.
template <class Barrier>
struct both_directions_shut_down : spliced<Barrier, modelled_tcp> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        require(bool{me == 0 ? this->first.finish_sending() : this->first.stop_receiving()}, "TCP refuses a shutdown");
    }
    void settle() {
        require(this->rings.of_first.endpoint.gone.load(std::memory_order_relaxed) == 1, "nobody said that it is over");
        reached(true);
        this->first.close();
        this->second.close();
    }
};

/// One endpoint leaves the rings, by which the other sends. What is left is read by the transport itself.
template <class Barrier, unsigned Bytes, when_full Then>
struct left_by_the_reader {
    static constexpr unsigned threads = 2;
    static constexpr unsigned bytes = Bytes;

    using ring_type = basic_ring<watched<storage::inlined<std::byte, 1>>, eventfd<Barrier>, uncounted>;
    using flow_type = flow<bytes, bytes>;
    using tcp_type = modelled_tcp<flow_type>;

    left_by_the_reader() {
        first.offer(rings.seat_of(splice::side::first));
        second.offer(rings.seat_of(splice::side::second));
        std::array<std::byte, 1> room{};
        require(!first.receive(room, at_once), "there is nothing to read yet");
        require(bool{second.send({}, at_once)} && !first.receive(room, at_once), "no way to the ring");
        require(bool{second.send({}, at_once)}, "a send of nothing is refused");
    }

    bool reset = false;
    flow_type there;
    flow_type back;
    tcp_type first_tcp{there, back, reset};
    tcp_type second_tcp{back, there, reset};
    splice::behaviour how = asleep_at_once(Then);
    splice::joint<ring_type> rings;
    splice::channel<tcp_type, ring_type> first{first_tcp, how};
    splice::channel<tcp_type, ring_type> second{second_tcp, how};
    unsigned received = 0;
    bool was_in_the_way = false;

    void run(unsigned me) { me == sender ? send_all() : leave(); }
    void settle() {
        require(received == bytes, "the stream ended before its last byte");
        reached(was_in_the_way);
        first.close();
        second.close();
    }

private:
    void send_all() {
        for (unsigned i = 0; i != bytes; ++i) {
            const auto byte = static_cast<std::byte>(i);
            require(bool{second.send({&byte, 1}, forever)}, "a connection that nobody closed refuses bytes");
        }
        require(bool{second.finish_sending()}, "TCP refuses a FIN");
    }
    void leave() {
        std::array<std::byte, 1> room{};
        while (first.unsplice(forever) != status::ok) {
            was_in_the_way = true;
            require(first.receive(room, at_once).value_or(0) == 1, "nothing was in the way");
            require(room[0] == static_cast<std::byte>(received++), "bytes out of order");
        }
        while (first_tcp.receive(room, blocking::yes).value_or(0) == 1) {
            require(room[0] == static_cast<std::byte>(received++), "bytes out of order");
        }
    }
};

/// A close with something unread, over a transport that cannot reset.
template <class Barrier>
struct reset_by_word : spliced<Barrier, modelled_unix> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me != 0) {
            return;
        }
        const std::byte one{1};
        std::array<std::byte, 1> room{};
        require(!this->second.receive(room, at_once), "there is nothing to read yet");
        require(bool{this->first.send({}, at_once)} && !this->second.receive(room, at_once), "no way to the ring");
        require(bool{this->first.send({&one, 1}, at_once)}, "no room in an empty ring");
        require(this->first.counts().sent.bytes_by_ring == 1, "it went another way");
        this->second.close();
        require(!this->first.receive(room, forever), "the end came without the reset");
        reached(true);
    }
    void settle() { this->first.close(); }
};

template <class State>
void add(catalogue& to, const char* name, limits within, hazards may_happen = {}, bool takes_long = false) {
    to.push_back(
        entry_for<State>(std::string{"splice/"} + name, expectation::reachable, may_happen, within, takes_long));
}

}  // namespace

void add_splice(catalogue& to) {
    using enum when_full;
    add<left_by_the_reader<asymmetric, 2, wait>>(to, "left by the reader, 2 bytes, asymmetric", up_to(1));
    add<left_by_the_reader<asymmetric, 3, spill>>(to, "left by the reader, 3 bytes, spilling, asymmetric", up_to(1));
    add<in_event_loops<asymmetric, looping::the_reader, 2, false>>(
        to, "a reader in an event loop, from birth, asymmetric", up_to(2));
    add<in_event_loops<asymmetric, looping::the_reader, 2, true>>(to, "a reader in an event loop, asymmetric",
                                                                  up_to(2));
    add<in_event_loops<asymmetric, looping::both, 2, true>>(to, "both in event loops, asymmetric", up_to(2));
    add<in_event_loops<symmetric, looping::both, 2, true>>(to, "both in event loops, symmetric", up_to(1));
    add<in_event_loops<asymmetric, looping::both, 3, true, spill>>(to, "both in event loops, spilling, asymmetric",
                                                                   up_to(2));
    add<in_event_loops<asymmetric, looping::both, 3, true, spill_after_a_while>>(
        to, "both in event loops, spilling after a while, asymmetric", up_to(2), deadlines_pass);
    add<given_rings<asymmetric>>(to, "rings given in mid-life, 3 bytes, asymmetric", up_to(1));
    add<both_directions_shut_down<asymmetric>>(to, "both directions shut down by two threads, asymmetric", up_to(3));
    add<reset_by_word<asymmetric>>(to, "reset by word, asymmetric", all_of_it);
    add<killed_reader<asymmetric>>(to, "a reader that dies, asymmetric", up_to(4));
    add<closed_by_the_reader<1, 1, asymmetric, wait>>(to, "closed by the reader, 1 byte, asymmetric", up_to(4));
    add<closed_by_the_reader<2, 2, asymmetric, wait>>(to, "closed by the reader, 2 bytes, asymmetric", up_to(4));
    add<closed_by_the_reader<2, 2, symmetric, wait>>(to, "closed by the reader, 2 bytes, symmetric", up_to(3));
    add<closed_by_the_reader<1, 3, asymmetric, wait>>(to, "closed by the reader, 3 bytes, asymmetric", up_to(3));
    add<closed_by_the_reader<1, 3, asymmetric, spill>>(to, "closed by the reader, 3 bytes, spilling, asymmetric",
                                                       up_to(3));
    add<half_closed_by_the_reader<2, asymmetric>>(to, "half-closed by the reader, 2 bytes, asymmetric", up_to(2));
    add<looked_at_before_its_end<asymmetric>>(to, "until its end, looked at before, 1 byte, asymmetric", up_to(3));
    add<from_birth<1, 1, 2, symmetric>>(to, "from birth, 2 bytes, symmetric", up_to(1));
    add<from_birth<1, 1, 2, asymmetric>>(to, "from birth, 2 bytes, asymmetric", up_to(2));
    add<from_birth<1, 1, 3, asymmetric>>(to, "from birth, 3 bytes, asymmetric", up_to(2), {}, true);
    add<through_the_ring<1, 1, 3, symmetric, wait>>(to, "waiting for room, 3 bytes, symmetric", up_to(1));
    add<through_the_ring<1, 1, 2, asymmetric, wait>>(to, "waiting for room, 2 bytes, asymmetric", up_to(2));
    add<through_the_ring<1, 1, 3, asymmetric, wait>>(to, "waiting for room, 3 bytes, asymmetric", up_to(2), {}, true);
    add<through_the_ring<1, 1, 3, asymmetric, spill>>(to, "spilling at once, 3 bytes, asymmetric", up_to(2));
    add<through_the_ring<1, 1, 4, asymmetric, spill>>(to, "spilling at once, 4 bytes, asymmetric", up_to(2), {}, true);
    add<through_the_ring<1, 1, 4, symmetric, spill>>(to, "spilling at once, 4 bytes, symmetric", up_to(1));
    add<through_the_ring<1, 1, 2, asymmetric, spill_after_a_while>>(to, "spilling after a while, 2 bytes, asymmetric",
                                                                    up_to(2), deadlines_pass);
    add<through_the_ring<1, 1, 3, asymmetric, spill_after_a_while>>(to, "spilling after a while, 3 bytes, asymmetric",
                                                                    up_to(2), deadlines_pass, true);
    add<looked_ahead_at<2, 1, 3, asymmetric, spill>>(to, "looked ahead at, 3 bytes, spilling, asymmetric", up_to(1));
    add<until_its_end<1, 1, 2, asymmetric, wait>>(to, "until its end, 2 bytes, asymmetric", up_to(2));
    add<until_its_end<1, 1, 2, asymmetric, spill>>(to, "until its end, 2 bytes, spilling, asymmetric", up_to(2));
}

}  // namespace ferrule::model
