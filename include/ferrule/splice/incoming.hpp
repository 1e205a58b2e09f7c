// The receiving half of an endpoint: does what the ledger says, with a ring and a transport.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/consumer.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/result.hpp>
#include <ferrule/splice/behaviour.hpp>
#include <ferrule/splice/ledger.hpp>
#include <ferrule/splice/patience.hpp>
#include <ferrule/splice/prospects.hpp>
#include <ferrule/splice/tally.hpp>
#include <ferrule/status.hpp>
#include <ferrule/waiter/spin.hpp>

namespace ferrule::inline v0::splice {

template <class Platform>
struct incoming_tallies {
    tally<Platform> bytes_by_ring, bytes_by_tcp, calls, sleeps;
};

/// Made when the direction gets a ring. One thread at a time.
template <class Ring, transport Transport>
class incoming {
    using platform = typename Ring::platform_type;

public:
    using time_point = std::chrono::steady_clock::time_point;
    using words = side_words<platform>;
    using tallies = incoming_tallies<platform>;
    using destination = detail::pieces<std::byte>;

    incoming(Ring& ring, words& mine, const words& theirs, Transport& tcp, const behaviour& how,
             tallies& count) noexcept
        : rx_{ring.template claim_consumer<cursor::cached, guard::none>()},
          ledger_{mine, theirs},
          mine_{&mine},
          theirs_{&theirs},
          tcp_{&tcp},
          count_{&count},
          low_water_{tcp.take_low_water()},
          spinner_{waiter::spin<>{how.busy_poll}} {
        ledger_.be_ready();
        tcp_->acknowledge_at_once();
    }

    /// Receives what there is, at least as much as the low-water mark says, waiting for it until `deadline`; less only
    /// at the end of the stream, where it is 0 in the end, or if nothing more was to be had.
    [[nodiscard]] result<std::size_t> receive(std::span<std::byte> to, time_point deadline) noexcept {
        const std::size_t n = take(to);
        if (n >= low_water_ || (n == to.size() && n != 0)) [[likely]] {
            return n;
        }
        return receive_slowly(to, n, {}, deadline);
    }

    /// The same into several pieces, as `how` says: all there is room for (`whole`); copied and left where it is
    /// (`keep`); or counted and thrown away (`discard`).
    [[nodiscard]] result<std::size_t> receive(destination to, receive_how how, time_point deadline) noexcept {
        if (how.keep) {
            return look_ahead(to, how, deadline);
        }
        return receive_slowly(to, 0, how, deadline);
    }

    /// How many bytes the ring holds for the next call.
    [[nodiscard]] std::size_t unread() noexcept { return rx_.readable_at_least(); }

    /// How many bytes a call waits for, if it waits at all.
    void set_low_water(std::size_t mark) noexcept {
        low_water_ = mark;
        bell_expected_ = false;  // It was armed for another.
    }
    [[nodiscard]] std::size_t low_water() const noexcept { return low_water_; }

    /// The error that a call found behind the bytes it returned, which is then told; 0 if there is none.
    [[nodiscard]] int take_error() noexcept {
        if (was_reset() && !std::exchange(reset_was_told_, true)) {
            return ECONNRESET;
        }
        return std::exchange(pending_error_, 0);
    }

    /// What a receive() that must not wait would find.
    [[nodiscard]] prospects look() noexcept {
        const bool now =
            pending_error_ != 0 ||
            (!ledger_.is_out() && (rx_.readable_at_least() >= readable_from() || rx_.state() == status::corrupt));
        return {.now = now, .by_tcp = true, .rings = bell_expected_, .was_reset = has_to_tell()};
    }

    /// The same, for an event loop: if there is nothing in the ring, the doorbell rings when there is; and when the
    /// sender has said something that this function, or a receive(), has to hear.
    [[nodiscard]] prospects watch() noexcept {
        bool asked = false;
        // A sender that is well may have changed its mind meanwhile, but not again and again.
        constexpr int most_looks = 8;
        for (int looks = 1; !ledger_.is_out(); ++looks) {
            if (const prospects found = look(); found.now) {
                return found;
            }
            bell_expected_ = rx_.arm(readable_from());
            if (rx_.peer_died() || (!bell_expected_ && rx_.state() == status::closed)) {
                bell_expected_ = false;  // A bell whose other end is gone rings for ever.
                ledger_.lost_sender();
                listen();
            } else if (bell_expected_) {
                // Who has something has time to hear. And a program that never receives until there is nothing more
                // leaves it to us to answer a flush.
                const bool has_some = rx_.readable_at_least() != 0;
                const bool has_to_answer = !asked && ledger_.owes_an_answer();
                if (has_some || looks >= most_looks || !(ledger_.there_is_news() || has_to_answer)) {
                    return look();
                }
                asked = true;
                listen();
            }
        }
        bell_expected_ = false;
        return look();
    }

    /// The descriptor that rings.
    [[nodiscard]] int doorbell() noexcept { return rx_.poll_fd(); }

    /// Wants both directions to go by TCP for good. The peer's sending half says when it does, in its next call; if it
    /// never used its ring, it never will.
    void ask_to_leave() noexcept {
        // Relaxed, sole writer: WKp ↔ WKs, the barrier of the nudge is what counts.
        mine_->endpoint.leaving.store(1, std::memory_order_relaxed);
        rx_.nudge();
        ledger_.give_up();
    }

    /// Whether the ring is behind us: `ok` once nothing more comes through it and everything that came was received,
    /// `stalled` while there is something to receive, and `timed_out` if by the deadline the sender has not said that
    /// it left. `deaf`: this endpoint itself has ended what it receives.
    [[nodiscard]] status wait_until_left(bool deaf, time_point deadline) noexcept {
        for (;;) {
            (void)look_in_order();
            const auto seen = tcp_->look({.ended = !deaf});
            if (seen.ended || seen.failed) {
                ledger_.lost_sender();  // Whatever it has not said.
                (void)look_in_order();
            }
            if (ledger_.is_out()) {
                return status::ok;
            }
            if (const bool unread = rx_.readable_at_least() != 0; unread || rx_.state() == status::corrupt) {
                return unread ? status::stalled : status::corrupt;
            }
            if (deadline == time_point::min() || platform::now() >= deadline) {
                return status::timed_out;
            }
            sleep_until_left(deaf, deadline);
        }
    }

    /// True if somebody is still to be told what TCP cannot show.
    [[nodiscard]] bool has_to_tell() const noexcept { return pending_error_ != 0 || (!reset_was_told_ && was_reset()); }

    /// Before the descriptor is closed: this side reads nothing more. True if the ring holds something unread, now or
    /// by the time the peer hears of it.
    [[nodiscard]] bool leaves_unread() noexcept {
        // Relaxed, sole writer: WKs ↔ WKp, the barrier of the look is what counts: either we see the peer's last
        // publication, or it sees this and sends the rest by TCP.
        mine_->endpoint.gone.store(1, std::memory_order_relaxed);
        return rx_.look_behind_barrier() != 0;
    }

    /// After the descriptor was closed, so that a sender that sleeps finds TCP as the close left it.
    void wake_sender() noexcept { rx_.nudge(); }

    /// Before a descriptor is closed that cannot be reset: what RST would say.
    void say_reset() noexcept {
        // Relaxed, sole writer: the peer reads it after the end of the stream, which comes through the kernel.
        mine_->endpoint.reset.store(1, std::memory_order_relaxed);
    }

private:
    [[nodiscard]] std::size_t take(std::span<std::byte> to) noexcept {
        const std::size_t n = rx_.try_read(to);
        if (n != 0) [[likely]] {
            by_ring_ = true;
            count_->bytes_by_ring.add(n);
        }
        return n;
    }

    /// From how many bytes in the ring on a program with an event loop is told; any in TCP will do.
    [[nodiscard]] std::size_t readable_from() const noexcept { return std::min(low_water_, rx_.capacity()); }

    [[nodiscard]] inlet look_in_order() noexcept {
        return ledger_.next([this]() noexcept { return rx_.readable_at_least() != 0; },
                            [this]() noexcept { return tcp_->readable(); });
    }

    /// Hears what the sender said, and answers a flush if TCP is empty.
    void listen() noexcept {
        const inlet from = look_in_order();
        if (from != inlet::ring && !tcp_->readable() && ledger_.answer()) {
            rx_.nudge();
            by_ring_ = true;
        }
    }

    [[nodiscard]] std::size_t take_pieces(destination& to, receive_how how) noexcept {
        std::size_t done = 0;
        while (!to.empty()) {
            const std::size_t n = how.discard ? drop(to.size()) : take(to.front());
            if (n == 0) {
                break;
            }
            to.advance(n);
            done += n;
        }
        return done;
    }
    [[nodiscard]] std::size_t drop(std::size_t most) noexcept {
        auto there = rx_.peek();
        const std::size_t n = std::min(there.size(), most);
        if (n != 0) {
            there.release(n);
            by_ring_ = true;
            count_->bytes_by_ring.add(n);
        }
        return n;
    }

    /// `done` bytes have come already, before `to`.
    [[nodiscard, gnu::noinline]] result<std::size_t> receive_slowly(destination to, std::size_t done, receive_how how,
                                                                    time_point deadline) noexcept {
        if (done != 0) {
            to.advance(done);
        }
        const std::size_t most = done + to.size();
        if (most == 0) {
            return std::size_t{0};
        }
        const std::size_t enough = how.whole ? most : std::min(low_water_, most);
        patience wait{deadline};
        bool interrupted = false;
        const auto took = [&](std::size_t n) noexcept {
            done += n;
            return done >= enough;
        };
        const auto wanted = [&]() noexcept { return std::min(enough - done, rx_.capacity()); };
        const auto ring_has = [this]() noexcept { return rx_.readable_at_least() != 0; };
        for (bool tcp_was_seen = false, answered = false;;) {
            // What came by the ring last time probably comes by it again: it is cheaper to look at.
            if (by_ring_ && !wait.is_none() && !tcp_was_seen && !interrupted &&
                rx_.poll(spinner_, wanted(), wait.as_known()) == polled::enough) {
                if (took(take_pieces(to, how))) {
                    return done;
                }
            }
            const auto tcp_has = [&]() noexcept { return std::exchange(tcp_was_seen, false) || tcp_->readable(); };
            const inlet from = ledger_.next(ring_has, tcp_has);
            if (const std::size_t n = from == inlet::ring ? take_pieces(to, how) : 0; n != 0) {
                if (took(n)) {
                    return done;
                }
                continue;
            }
            if (rx_.state() == status::corrupt) [[unlikely]] {
                return or_why(done, EPROTO);
            }
            if (done == 0 && pending_error_ != 0) {
                return failed{std::exchange(pending_error_, 0)};
            }
            if (from == inlet::tcp) {
                how.may_block = blocking::no;
                const auto received = tcp_->receive(to, how);
                if (received.value_or(0) != 0) {
                    took_by_tcp(*received);
                    to.advance(*received);
                    if (took(*received)) {
                        return done;
                    }
                    continue;
                }
                if (!received.would_block()) {
                    return done == 0 ? end_of_stream(received) : tell_later(done, received);
                }
            }
            if (ledger_.answer()) {
                rx_.nudge();
                by_ring_ = true;
                if (!std::exchange(answered, true)) {
                    continue;  // The first byte may come at once.
                }
                // A peer that flushes again and again does not keep us from our deadline.
            }
            if (interrupted) {
                return or_why(done, EINTR);
            }
            if (const int why = may_not_wait(wait); why != 0) {
                return or_why(done, why);
            }
            const auto seen = sleep(wait.as_known(), wanted());
            tcp_was_seen = seen.readable || seen.failed;
            interrupted = seen.interrupted && ends_calls(wait);
        }
    }

    /// Copies what there is, and leaves it: what is in the ring, and behind it what is in TCP. The rule of next() goes
    /// for these looks too. With `how.whole` it waits for as much as is asked for, but for no more than the ring holds.
    [[nodiscard, gnu::noinline]] result<std::size_t> look_ahead(destination to, receive_how how,
                                                                time_point deadline) noexcept {
        const std::size_t most = to.size();
        if (most == 0) {
            return std::size_t{0};
        }
        // AF_UNIX waits for the first byte only, and more than a ring holds may never be there.
        const std::size_t enough = how.whole && tcp_->is_like_tcp() ? std::min(most, rx_.capacity()) : 1;
        patience wait{deadline};
        bool interrupted = false;
        for (bool tcp_was_seen = false, answered = false;;) {
            destination behind = to;
            const std::size_t by_ring = copy_ahead(behind, how);
            if (by_ring == most) {
                return by_ring;
            }
            if (rx_.state() == status::corrupt) [[unlikely]] {
                return or_why(by_ring, EPROTO);
            }
            if (by_ring == 0 && pending_error_ != 0) {
                return failed{std::exchange(pending_error_, 0)};
            }
            inlet from = inlet::tcp;
            if (by_ring == 0) {
                const auto ring_has = [this]() noexcept { return rx_.readable_at_least() != 0; };
                const auto tcp_has = [&]() noexcept { return std::exchange(tcp_was_seen, false) || tcp_->readable(); };
                from = ledger_.next(ring_has, tcp_has);
                if (from == inlet::ring) {
                    continue;
                }
            }
            if (from == inlet::tcp) {
                how.may_block = blocking::no;
                auto by_tcp = tcp_->receive(behind, how);
                if (!by_tcp.would_block()) {
                    // What came by the ring meanwhile was sent before it.
                    ledger_.confirmed();
                    if (rx_.readable_at_least() != by_ring) {
                        keep_error(by_tcp);
                        continue;
                    }
                    if (by_tcp.value_or(0) == 0) {
                        return by_ring == 0 ? end_of_stream(by_tcp) : tell_later(by_ring, by_tcp);
                    }
                    // Nothing can come by the ring before these were received, so the kernel may wait for the others.
                    if (by_ring + *by_tcp < enough && deadline == time_point::max()) {
                        how.may_block = blocking::yes;
                        by_tcp = std::max(by_tcp.value_or(0), tcp_->receive(behind, how).value_or(0));
                    }
                    return by_ring + *by_tcp;
                }
            }
            if (by_ring == 0 && ledger_.answer()) {
                rx_.nudge();
                by_ring_ = true;
                if (!std::exchange(answered, true)) {
                    continue;  // As in receive_slowly().
                }
            }
            if (by_ring >= enough) {
                return by_ring;
            }
            if (interrupted) {
                return or_why(by_ring, EINTR);
            }
            if (const int why = may_not_wait(wait); why != 0) {
                return or_why(by_ring, why);
            }
            const auto seen = sleep(wait.as_known(), enough, by_ring != 0);
            tcp_was_seen = seen.readable || seen.failed;
            interrupted = seen.interrupted && ends_calls(wait);
        }
    }
    [[nodiscard]] std::size_t copy_ahead(destination& to, receive_how how) noexcept {
        (void)rx_.readable_at_least();
        const auto lent = rx_.peek();
        if (how.discard) {
            const std::size_t n = std::min(lent.size(), to.size());
            to.advance(n);
            return n;
        }
        const auto copy = [](std::byte* at, const std::byte* from, std::size_t n) noexcept {
            platform::copy_out(at, from, n);
        };
        const std::size_t n = to.fill_from(lent.parts().front, copy);
        return n + to.fill_from(lent.parts().back, copy);
    }

    /// 0 if a call that found nothing may wait, or why not.
    [[nodiscard]] int may_not_wait(patience& wait) noexcept {
        const auto limit = [this]() noexcept { return tcp_->receive_limit(); };
        return wait.is_none() || platform::now() >= wait.template deadline<platform>(limit) ? EAGAIN : 0;
    }
    /// Whether a signal that was handled while it slept ends a call.
    [[nodiscard]] bool ends_calls(const patience& wait) noexcept { return wait.is_bounded() || !tcp_->restarts(); }

    /// What has come counts.
    [[nodiscard]] static result<std::size_t> or_why(std::size_t done, int why) noexcept {
        return done != 0 ? result<std::size_t>{done} : failed{why};
    }
    /// What has come counts; the error that follows it is for the next call.
    [[nodiscard]] std::size_t tell_later(std::size_t done, const result<std::size_t>& end) noexcept {
        keep_error(end);
        return done;
    }
    void keep_error(const result<std::size_t>& told) noexcept {
        if (!told && told.error().value() != EFAULT) {  // Which says nothing about the connection.
            pending_error_ = told.error().value();
        }
    }

    void took_by_tcp(std::size_t n) noexcept {
        by_ring_ = false;
        count_->bytes_by_tcp.add(n);
        ledger_.took(n);
        rx_.nudge_if([this]() noexcept { return ledger_.sender_waits_for_it(); });
    }

    /// The end, or the error, that TCP had; a reset that it cannot show is told once, before the end.
    [[nodiscard]] result<std::size_t> end_of_stream(result<std::size_t> received) noexcept {
        if (was_reset() && !std::exchange(reset_was_told_, true) && received) {
            return failed{ECONNRESET};
        }
        return received;
    }
    [[nodiscard]] bool was_reset() const noexcept {
        // Relaxed: see say_reset().
        return theirs_->endpoint.reset.load(std::memory_order_relaxed) != 0;
    }

    static constexpr int no_doorbell = -1;

    /// Until there are `wanted` bytes in the ring, anything in TCP, or something was said; the last is of no interest
    /// to who `has_some` in the ring. What TCP had in the end.
    [[nodiscard]] transport_events sleep(time_point until, std::size_t wanted, bool has_some = false) noexcept {
        if (ledger_.is_out()) {
            count_->sleeps.add(1);
            return tcp_->park(no_doorbell, {.readable = true}, until);
        }
        bell_expected_ = false;
        const bool armed = rx_.arm(wanted);
        const bool closed = rx_.peer_died() || rx_.state() == status::closed;  // The latter no endpoint ever does.
        if (closed) {
            ledger_.lost_sender();
        }
        // Who leaves what the ring has where it is waits for TCP alone, once nothing more comes by the ring.
        const bool by_tcp_only = closed && has_some && rx_.readable_at_least() < wanted;
        if (!armed && !by_tcp_only) {
            return {};
        }
        if (!has_some && ledger_.there_is_news()) {
            rx_.disarm();
            return {};
        }
        // A bell whose other end is gone rings for ever.
        const int doorbell = by_tcp_only ? no_doorbell : rx_.poll_fd();
        const auto seen = tcp_->park(doorbell, {.readable = true}, until);
        rx_.disarm();
        count_->sleeps.add(1);
        return seen;
    }

    void sleep_until_left(bool deaf, time_point until) noexcept {
        bell_expected_ = false;
        const bool armed = rx_.arm(1);
        if (rx_.peer_died()) {
            ledger_.lost_sender();
        } else if (armed && !ledger_.there_is_news()) {
            (void)tcp_->park(rx_.poll_fd(), {.ended = !deaf}, until);
            count_->sleeps.add(1);
        }
        rx_.disarm();
    }

    consumer<Ring, cursor::cached, guard::none> rx_;
    receiving<platform> ledger_;
    words* mine_;
    const words* theirs_;
    Transport* tcp_;
    tallies* count_;
    bool by_ring_ = false;
    bool reset_was_told_ = false;
    bool bell_expected_ = false;  // Armed for an event loop, and not used otherwise since.
    int pending_error_ = 0;       // Found behind bytes that were returned.
    std::size_t low_water_;
    typename waiter::spin<>::template point<platform> spinner_;
};

}  // namespace ferrule::inline v0::splice
