// Runs a script on a connection, step by step, and tells what each program saw. A step begins when everything before it
// has arrived, so that what it sees depends on the script alone and never on time. What a script asks for that would
// depend on time is skipped, by the same rule whatever is at the ends.
#pragma once

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <ferrule/net/shared_joint.hpp>

#include "../caller.hpp"
#include "../streams.hpp"
#include "dialer.hpp"
#include "endpoint.hpp"
#include "step.hpp"

namespace ferrule::test {

/// What is at the ends of a connection, and when.
struct setup {
    std::string_view name = "plain";
    bool adopts = false;
    bool shares_rings = false;              ///< As two processes do, in memory that each of them has mapped.
    bool opens_first = false;               ///< Both directions go by the ring before the first step.
    std::array<std::size_t, 2> adopt_at{};  ///< Before which step.
    net::options how{};
    bool is_polled = false;          ///< By an event loop each, from when they go by the ring.
    bool shows_differences = false;  ///< Steps that are known to differ are taken, too: see net/differences.cpp.
};
inline constexpr std::size_t never_adopted = ~std::size_t{0};

/// What an end is in when it takes a step, as far as the script tells: the first that is true.
enum class condition : unsigned char {
    closed,         ///< It has closed.
    reset,          ///< The connection was reset.
    peer_gone,      ///< The other end has closed, or died.
    ended,          ///< Both have sent their last.
    finished,       ///< It has sent its last.
    peer_finished,  ///< The other end has.
    deaf,           ///< It has shut down reading.
    unheard,        ///< The other end has.
    full,           ///< What it sends finds no room.
    awaited,        ///< The other end waits for it.
    unread,         ///< There is something to receive.
    idle
};
inline constexpr std::array conditions{"closed", "reset",   "peer gone", "ended",   "finished", "peer fin.",
                                       "deaf",   "unheard", "full",      "awaited", "unread",   "idle"};

class driver {
public:
    driver(connected pair, connection kind, const setup& with)
        : tcp_{is_tcp(kind)},
          with_{with},
          ends_{endpoint{std::move(pair.connecting), 0, back}, endpoint{std::move(pair.accepted), back, 0}} {
        for (std::size_t who = 0; tcp_ && who != 2; ++who) {
            at_first_[who] = progress_of(ends_[who].native_handle());
        }
        adopt_when_due();
        if (with_.shares_rings) {
            auto made = net::shared_joint::make(with_.how.ring_capacity);
            REQUIRE(made);
            auto there = net::shared_joint::attach(std::move(made->there));
            REQUIRE(there);
            REQUIRE(ends_[0].stream()->join(std::move(made->here)));
            REQUIRE(ends_[1].stream()->join(std::move(*there)));
        }
        if (with_.opens_first) {
            open(*ends_[0].stream(), *ends_[1].stream());
            open(*ends_[1].stream(), *ends_[0].stream());
            for (auto& end : ends_) {
                if (with_.is_polled) {
                    end.be_polled();
                }
            }
        }
    }
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    /// Ends whatever still waits, and leaves no connection in TIME_WAIT.
    ~driver() {
        if (waiting_) {
            const std::size_t other = 1 - waiter_;
            if (sides_[other].open) {
                ends_[other].close();
            }
            (void)waiting_->outcome();
        }
        for (auto& end : ends_) {
            if (end.native_handle() >= 0) {
                reset_on_close(end);
            }
        }
    }

    /// True if the outcome of this step depends on the script alone.
    [[nodiscard]] bool can(const step& s) const noexcept {
        const auto& me = sides_[s.who];
        const auto& peer = sides_[1 - s.who];
        const auto& how = s.what();
        if (!is_there(how) || me.dead || (me.waits && !may_while_waiting(how))) {
            return false;
        }
        const bool peer_sends_waiting = peer.waits && waits_to_send_;
        switch (how.verb) {
            case verb::send:
                if (peer_sends_waiting || (peer.dead && !with_.shows_differences)) {
                    return false;  // What arrives at a full sender may make it try again.
                }
                if (how.manner == manner::waiting) {
                    return me.open && me.full && !me.touched && !me.finished && !ended_for(s.who) && !waiting_ &&
                           s.size != 0 && s.size <= 1000;
                }
                return me.full ? (how.manner == manner::dontwait || how.manner == manner::vectored) && !me.touched
                               : unread_from(s.who) + s.size <= most_unread;
            case verb::recv:
                if (how.manner == manner::waiting) {
                    return !waiting_ && !has_something_for(s.who) && s.size != 0;
                }
                if ((reset_ || both_ways_ended(me) || both_ways_ended(peer)) && !with_.shows_differences &&
                    (how.manner == manner::peek || how.manner == manner::waitall ||
                     how.manner == manner::waitall_waiting)) {
                    return false;
                }
                if (how.manner == manner::timed) {
                    return !has_something_for(s.who) && s.size != 0;
                }
                if (how.manner == manner::waitall || how.manner == manner::waitall_waiting) {
                    const bool is_whole = unread_from(1 - s.who) >= s.size || ends_what_comes_to(s.who);
                    return !peer.full && s.size != 0 &&
                           (how.manner == manner::waitall ? is_whole : !is_whole && !waiting_);
                }
                // A stretch of a full direction, so small that it is there whatever the buffers.
                return !peer_sends_waiting && (s.size != 0 || with_.shows_differences) &&
                       (!peer.full || peer.stretch + s.size <= most_of_full);
            case verb::fill:
                return !me.full && !peer.dead && !peer_sends_waiting;
            case verb::drain:
                return !me.deaf || !peer.full;  // Who has shut down reading does not wait for what is under way.
            case verb::shutdown:
                if (!tcp_ && peer_sends_waiting && how.manner != manner::wr && !with_.shows_differences) {
                    return false;
                }
                // A FIN may make a full sender try again; and whether that meets somebody who reads is a matter of
                // time.
                return !tcp_ || !peer.full ||
                       (!peer_sends_waiting && how.manner != manner::rdwr && !me.deaf && !me.finished) ||
                       (how.manner == manner::rd && !me.finished);
            case verb::close:
            case verb::abort:
                if (peer.waits && waits_for_all_ && !with_.shows_differences &&
                    (how.verb == verb::abort || unread_from(1 - s.who) != 0)) {
                    return false;
                }
                return tcp_ || !peer_sends_waiting || with_.shows_differences;
            case verb::die:
                return me.open && !peer.waits && (unread_from(1 - s.who) == 0 || with_.shows_differences);
            case verb::available:
                return !peer.full;
            case verb::error:
                return !peer.waits && (!peer.dead || with_.shows_differences);
            case verb::poll:
                return !peer_sends_waiting && me.open && (!peer.dead || with_.shows_differences);
        }
        return false;
    }

    /// Takes the step, and waits until all of it has happened. "skipped" if it cannot be taken.
    [[nodiscard]] std::string take(const step& s) {
        adopt_when_due();
        ++steps_;
        if (!can(s)) {
            return "skipped";
        }
        auto outcome = act(s);
        settle(outcome);
        tell_of_waiting(outcome);
        if (!ends_[0].in_order() || !ends_[1].in_order()) {
            outcome += " WRONG BYTES";
        }
        return outcome;
    }

    [[nodiscard]] condition of(std::size_t who) const noexcept {
        const auto& me = sides_[who];
        const auto& peer = sides_[1 - who];
        return !me.open                    ? condition::closed
               : reset_                    ? condition::reset
               : !peer.open                ? condition::peer_gone
               : me.finished               ? (peer.finished ? condition::ended : condition::finished)
               : peer.finished             ? condition::peer_finished
               : me.deaf                   ? condition::deaf
               : peer.deaf                 ? condition::unheard
               : me.full                   ? condition::full
               : peer.waits                ? condition::awaited
               : unread_from(1 - who) != 0 ? condition::unread
                                           : condition::idle;
    }
    [[nodiscard]] splice::route route(std::size_t who) const noexcept { return ends_[who].route(); }
    [[nodiscard]] const endpoint& end(std::size_t who) const noexcept { return ends_[who]; }

private:
    static constexpr std::uint64_t back = 250'000;  // Where the keyed bytes of the way back begin.
    static constexpr std::uint64_t most_unread = 20'000;
    static constexpr std::uint64_t most_of_full = 8'000;

    /// An end, and the direction that it sends.
    struct side {
        bool open = true;
        bool dead = false;
        bool finished = false;  ///< Nothing more comes from it.
        bool deaf = false;      ///< It has shut down reading.
        bool waits = false;     ///< A thread of it is in a call.
        bool full = false;      ///< It found no room, and not everything was received since.
        bool touched = false;   ///< Something was received since.
        bool was_full = false;  ///< Once.
        bool lost = false;      ///< What is unread will remain so.
        std::uint64_t sent = 0;
        std::uint64_t received = 0;  ///< By the other end.
        std::uint64_t stretch = 0;   ///< Of it since it was full.
    };

    struct outcome_of_wait {
        std::size_t moved = 0;
        int error = 0;
    };

    void adopt_when_due() {
        for (std::size_t who = 0; who != 2; ++who) {
            if (with_.adopts && steps_ >= with_.adopt_at[who] && sides_[who].open && !sides_[who].dead &&
                !sides_[who].waits) {
                ends_[who].adopt(with_.how);
            }
        }
    }

    [[nodiscard]] bool may_while_waiting(const operation& how) const noexcept {
        if (waits_to_send_) {
            return false;
        }
        return how.verb == verb::send || (how.verb == verb::shutdown);
    }
    [[nodiscard]] std::uint64_t unread_from(std::size_t who) const noexcept {
        const auto& me = sides_[who];
        return me.lost || me.received >= me.sent ? 0
                                                 : me.sent - me.received;  // What a waiting call sent is not in yet.
    }
    /// True if the connection has ended for what `who` sends.
    [[nodiscard]] bool ended_for(std::size_t who) const noexcept {
        return reset_ || !sides_[1 - who].open || sides_[1 - who].deaf;
    }
    /// True if a recv() of `who` would not wait.
    [[nodiscard]] bool has_something_for(std::size_t who) const noexcept {
        return unread_from(1 - who) != 0 || ends_what_comes_to(who);
    }
    /// TCP resets a connection on which something comes for who will not read it.
    [[nodiscard]] static bool both_ways_ended(const side& it) noexcept { return it.finished && it.deaf; }
    [[nodiscard]] bool ends_what_comes_to(std::size_t who) const noexcept {
        return sides_[1 - who].finished || sides_[who].deaf || reset_ || !sides_[who].open;
    }

    static void reset_on_close(const endpoint& end) {
        const ::linger at_once{1, 0};
        (void)::setsockopt(end.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }

    [[nodiscard]] std::string act(const step& s) {
        auto& me = sides_[s.who];
        switch (s.what().verb) {
            case verb::send:
                return send(s);
            case verb::recv:
                return recv(s);
            case verb::fill:
                return fill(s.who);
            case verb::drain:
                return drain(s.who);
            case verb::shutdown: {
                const auto way = s.what().manner;
                const int how = way == manner::rd ? SHUT_RD : way == manner::wr ? SHUT_WR : SHUT_RDWR;
                const auto done = ends_[s.who].shutdown(how);
                if (done && me.open) {
                    me.finished = me.finished || how != SHUT_RD;
                    me.deaf = me.deaf || how != SHUT_WR;
                    sides_[1 - s.who].touched = true;
                }
                return name_of_error(done.error().value());
            }
            case verb::abort:
                reset_on_close(ends_[s.who]);
                close(s.who, true);
                return "done";
            case verb::close:
                close(s.who, false);
                return "done";
            case verb::die:
                ends_[s.who].die();
                me.dead = true;
                close(s.who, false);
                return "done";
            case verb::available:
                return told(ends_[s.who].available());
            case verb::error:
                return name_of_error(ends_[s.who].error());
            case verb::poll:
                return events(s.who);
        }
        return "unknown verb";
    }

    [[nodiscard]] std::string send(const step& s) {
        auto& me = sides_[s.who];
        if (s.what().manner == manner::waiting) {
            waits_to_send_ = true;
            waiting_size_ = s.size;
            // TCP may still find room where there was none, by and by: what it accepts at once is part of the filling.
            for (int attempts = 0; attempts != 100; ++attempts) {
                wait(s.who, [this, s] { return told_wait(ends_[s.who].send(s.size, 0)); });
                bool sleeps = true;
                for (int looks = 0; looks != 3 && sleeps; ++looks) {
                    std::string ignored;
                    sleeps = waiting_->sleeps();
                    settle(ignored);
                }
                if (sleeps) {
                    return "begun";
                }
                const auto done = waiting_->outcome();
                waiting_.reset();
                me.waits = false;
                if (done.error != 0) {
                    return name_of_error(done.error);
                }
                me.sent += done.moved;
                (void)fill(s.who);
            }
            return "finds room for ever";
        }
        std::size_t ahead = 0;
        if (s.what().manner == manner::more) {
            const auto first = ends_[s.who].send(s.size / 2, MSG_MORE);
            if (!first) {
                return told(first);
            }
            me.sent += ahead = *first;
        }
        const auto done =
            s.what().manner == manner::vectored
                ? ends_[s.who].sendv(s.size, MSG_DONTWAIT)
                : ends_[s.who].send(s.size - ahead, s.what().manner == manner::dontwait ? MSG_DONTWAIT : 0);
        me.sent += done.value_or(0);
        sides_[1 - s.who].touched = true;
        note_bytes_to_nobody(s.who, done.value_or(0));
        return told(done);
    }

    [[nodiscard]] std::string recv(const step& s) {
        const auto how = s.what().manner;
        auto& end = ends_[s.who];
        switch (how) {
            case manner::waiting:
            case manner::waitall_waiting:
                waits_to_send_ = false;
                waits_for_all_ = how == manner::waitall_waiting;
                waiting_size_ = s.size;
                wait(s.who,
                     [&end, s, how] { return told_wait(end.recv(s.size, how == manner::waiting ? 0 : MSG_WAITALL)); });
                return "begun";
            case manner::peek:
                sides_[1 - s.who].touched = true;
                return told(end.recv(s.size, MSG_PEEK | MSG_DONTWAIT));
            case manner::waitall:
                return received(s.who, end.recv(s.size, MSG_WAITALL));
            case manner::timed: {
                end.set_receive_timeout({0, 1000});
                const auto done = end.recv(s.size, 0);
                end.set_receive_timeout({0, 0});
                return received(s.who, done);
            }
            default:
                return recv_more(s.who, s.size, 0, how);
        }
    }
    [[nodiscard]] std::string received(std::size_t who, const result<std::size_t>& done) {
        note_received(who, done.value_or(0));
        return told(done);
    }

    [[nodiscard]] std::string events(std::size_t who) {
        const auto& me = sides_[who];
        unsigned seen = ends_[who].events();
        std::string all;
        // Which room makes a socket writable, and how much of it there is left, is not the same.
        const bool ended = me.finished || reset_ || !sides_[1 - who].open;
        const bool differs = !tcp_ && sides_[1 - who].deaf && !with_.shows_differences;
        if (!ended && unread_from(who) != 0 && (!me.full || me.touched || differs) && !with_.shows_differences) {
            seen &= ~static_cast<unsigned>(POLLOUT);
        }
        for (const auto& [event, name] :
             {std::pair{POLLIN, "IN"}, std::pair{POLLOUT, "OUT"}, std::pair{POLLRDHUP, "RDHUP"},
              std::pair{POLLHUP, "HUP"}, std::pair{POLLERR, "ERR"}}) {
            all += (seen & static_cast<unsigned>(event)) != 0 ? (all.empty() ? "" : " ") + std::string{name} : "";
        }
        all += with_.is_polled && !ends_[who].are_shown(seen) ? " NOT SHOWN" : "";
        return all.empty() ? "nothing" : all;
    }

    /// As much as was asked for and is there, in as many calls as that takes: where the way changes, a call ends.
    [[nodiscard]] std::string recv_more(std::size_t who, std::size_t size, std::size_t done, manner how) {
        std::string end;
        while (done == 0 || (done != size && unread_from(1 - who) != 0)) {
            const bool waits = how == manner::usual && has_something_for(who);
            const int flags = (waits ? 0 : MSG_DONTWAIT) | (how == manner::trunc ? MSG_TRUNC : 0);
            const auto received =
                how == manner::vectored ? ends_[who].recvv(size - done, flags) : ends_[who].recv(size - done, flags);
            if (received.value_or(0) == 0) {
                end = told(received);
                note_end(who, received);
                break;
            }
            note_received(who, *received);
            done += *received;
        }
        return done == 0 ? end : std::to_string(done) + (end.empty() ? "" : " then " + end);
    }

    [[nodiscard]] std::string fill(std::size_t who) {
        auto& me = sides_[who];
        sides_[1 - who].touched = true;
        constexpr std::size_t pieces[] = {std::size_t{4} << 10U, 1};
        std::size_t accepted = 0;
        std::size_t before = 1;
        // What is accepted travels on and makes room for more, until it can travel no more.
        while (accepted != before) {
            before = accepted;
            for (const std::size_t piece : pieces) {
                auto done = ends_[who].send(piece, MSG_DONTWAIT);
                for (; done; done = ends_[who].send(piece, MSG_DONTWAIT)) {
                    accepted += *done;
                    me.sent += *done;
                    note_bytes_to_nobody(who, *done);
                }
                if (!done.would_block()) {
                    me.full = false;
                    return name_of_error(done.error().value());
                }
            }
            me.full = me.was_full = true;
            std::string ignored;
            settle(ignored);
        }
        me.touched = false;
        me.stretch = 0;
        return unread_from(who) > 2 * most_of_full ? "full" : "full, of too little";
    }

    [[nodiscard]] std::string drain(std::size_t who) {
        auto& peer = sides_[1 - who];
        const bool with_waiter = peer.waits && waits_to_send_;
        const std::uint64_t expected = peer.sent + (with_waiter ? waiting_size_ : 0);
        const std::uint64_t before = peer.received;
        std::string end;
        for (;;) {
            const bool waits = (!peer.lost && peer.received < expected) || has_something_for(who);
            const auto received = ends_[who].recv(keyed_bytes::longest, waits ? 0 : MSG_DONTWAIT);
            if (received.value_or(0) == 0) {
                end = told(received);
                note_end(who, received);
                break;
            }
            note_received(who, *received);
        }
        // A reset leaves behind what found no room.
        const bool comparable = !peer.was_full || peer.received == expected;
        const std::string much = !comparable     ? "a part"
                                 : peer.was_full ? "everything"
                                                 : std::to_string(peer.received - before);
        peer.full = false;
        return much + " then " + end;
    }

    void close(std::size_t who, bool abruptly) {
        auto& me = sides_[who];
        auto& peer = sides_[1 - who];
        if (!me.open) {
            return;
        }
        if (peer.open && (unread_from(1 - who) != 0 || abruptly)) {
            // The kernel knows nothing of what a program that died left in a ring.
            reset_ = reset_ || ((tcp_ || unread_from(1 - who) != 0) && !(me.dead && with_.adopts));
        }
        if (!me.dead) {
            ends_[who].close();
        }
        me.open = false;
        me.finished = true;
        peer.lost = true;
    }

    /// TCP answers with a reset what is sent to somebody who reads nothing more.
    void note_bytes_to_nobody(std::size_t who, std::size_t n) noexcept {
        if (n != 0 && !sides_[1 - who].open) {
            sides_[who].lost = true;
            reset_ = reset_ || !(sides_[1 - who].dead && with_.adopts);
        }
    }
    void note_received(std::size_t who, std::size_t n) noexcept {
        auto& peer = sides_[1 - who];
        peer.received += n;
        peer.touched = true;
        peer.stretch += n;
    }
    void note_end(std::size_t who, const result<std::size_t>& received) noexcept {
        auto& peer = sides_[1 - who];
        peer.lost = peer.lost || (unread_from(1 - who) != 0 && !received.would_block());
    }

    template <class Call>
    void wait(std::size_t who, Call call) {
        waiter_ = who;
        sides_[who].waits = true;
        waiting_ = std::make_unique<caller<outcome_of_wait>>(call);
    }
    [[nodiscard]] static outcome_of_wait told_wait(const result<std::size_t>& done) noexcept {
        return {done.value_or(0), done.error().value()};
    }

    /// What a call that waits has come to by now.
    void tell_of_waiting(std::string& outcome) {
        if (!waiting_ || waiting_->sleeps()) {
            return;
        }
        const auto done = waiting_->outcome();
        waiting_.reset();
        auto& me = sides_[waiter_];
        me.waits = false;
        outcome += waiter_ == 0 ? "; a returns " : "; b returns ";
        if (waits_to_send_) {
            me.sent += done.moved;
            outcome += done.error != 0 ? name_of_error(done.error) : std::to_string(done.moved);
        } else if (done.moved == 0) {
            outcome += name_of_error(done.error);
        } else {
            note_received(waiter_, done.moved);
            outcome += recv_more(waiter_, waiting_size_, done.moved, manner::dontwait);
        }
    }

    /// Returns when nothing is under way any more.
    void settle(std::string& outcome) {
        if (!tcp_) {
            return;  // It delivers at once.
        }
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{3};
        for (bool quiet = false; !quiet;) {
            quiet = true;
            for (std::size_t who = 0; who != 2; ++who) {
                quiet = quiet && is_quiet(who);
            }
            if (!quiet && std::chrono::steady_clock::now() > patience) {
                outcome += " NEVER SETTLES";
                return;
            }
            if (!quiet) {
                std::this_thread::yield();
            }
        }
    }

    /// What the kernel's header has and the C library's has not.
    struct extended_info {
        ::tcp_info begin;
        std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    };
    /// How far a TCP socket has come. A FIN counts as a byte.
    struct progress {
        int state = TCP_CLOSE;
        bool in_flight = false;
        std::uint64_t unacknowledged = 0;
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
    };
    [[nodiscard]] static progress progress_of(int fd) {
        extended_info info{};
        ::socklen_t size = sizeof info;
        int unacknowledged = 0;
        const bool told = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size == sizeof info &&
                          ::ioctl(fd, SIOCOUTQ, &unacknowledged) == 0;
        REQUIRE(told);
        const auto rest = static_cast<std::uint64_t>(unacknowledged);
        return {info.begin.tcpi_state, info.begin.tcpi_unacked != 0, rest, info.bytes_acked + rest,
                info.bytes_received};
    }

    /// True if what `who` sent, be it its last, has arrived, and what the other end answered to it. Nobody need have
    /// acknowledged it: that may take its time.
    [[nodiscard]] bool is_quiet(std::size_t who) const {
        const auto& me = sides_[who];
        const auto& peer = sides_[1 - who];
        if (!me.open) {
            return true;
        }
        const int fd = ends_[who].native_handle();
        const auto mine = progress_of(fd);
        if (mine.state == TCP_CLOSE || (me.full && peer.open && !mine.in_flight)) {
            return true;
        }
        if (!peer.open) {
            ::pollfd entry{fd, POLLRDHUP, 0};
            return !reset_ && (mine.unacknowledged == 0 || !me.finished) && (peer.full || ::poll(&entry, 1, 0) == 1);
        }
        const auto theirs = progress_of(ends_[1 - who].native_handle());
        if (theirs.state == TCP_CLOSE || (me.finished && peer.finished)) {
            return mine.unacknowledged == 0;
        }
        return mine.sent - at_first_[who].sent == theirs.received - at_first_[1 - who].received;
    }

    const bool tcp_;
    const setup with_;
    std::array<endpoint, 2> ends_;
    std::array<progress, 2> at_first_{};
    std::array<side, 2> sides_{};
    std::size_t steps_ = 0;
    bool reset_ = false;
    bool waits_to_send_ = false;
    bool waits_for_all_ = false;
    std::size_t waiter_ = 0;
    std::uint64_t waiting_size_ = 0;
    std::unique_ptr<caller<outcome_of_wait>> waiting_;
};

}  // namespace ferrule::test
