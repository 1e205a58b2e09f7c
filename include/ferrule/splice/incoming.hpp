// The receiving half of an endpoint: does what the ledger says, with a ring and a transport.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/consumer.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/result.hpp>
#include <ferrule/splice/behaviour.hpp>
#include <ferrule/splice/ledger.hpp>
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

    incoming(Ring& ring, words& mine, const words& theirs, Transport& tcp, const behaviour& how,
             tallies& count) noexcept
        : rx_{ring.template claim_consumer<cursor::cached, guard::none>()},
          ledger_{mine, theirs},
          mine_{&mine},
          theirs_{&theirs},
          tcp_{&tcp},
          count_{&count},
          spinner_{waiter::spin<>{how.busy_poll}} {
        ledger_.be_ready();
        tcp_->acknowledge_at_once();
    }

    /// Receives what there is, at least one byte, waiting for it until `deadline`; 0 at the end of the stream.
    [[nodiscard]] result<std::size_t> receive(std::span<std::byte> to, time_point deadline) noexcept {
        if (const std::size_t n = take(to); n != 0) [[likely]] {
            return n;
        }
        return receive_slowly(to, deadline);
    }

    /// What a receive() that must not wait would find.
    [[nodiscard]] prospects look() noexcept {
        const bool now = !ledger_.is_out() && (rx_.readable_at_least() != 0 || rx_.state() == status::corrupt);
        return {.now = now, .by_tcp = true, .rings = bell_expected_, .was_reset = has_to_tell()};
    }

    /// The same, for an event loop: if there is nothing in the ring, the doorbell rings when there is; and when the
    /// sender has said something that this function, or a receive(), has to hear.
    [[nodiscard]] prospects watch() noexcept {
        bool asked = false;
        while (!ledger_.is_out()) {
            if (const prospects found = look(); found.now) {
                return found;
            }
            bell_expected_ = rx_.arm(1);
            if (rx_.peer_died() || (!bell_expected_ && rx_.state() == status::closed)) {
                bell_expected_ = false;  // A bell whose other end is gone rings for ever.
                ledger_.lost_sender();
                listen();
            } else if (bell_expected_) {
                const bool news = ledger_.there_is_news();
                // A program that never receives until there is nothing more leaves it to us to answer a flush.
                if (!news && (asked || !ledger_.owes_an_answer())) {
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
    [[nodiscard]] bool has_to_tell() const noexcept { return !reset_was_told_ && was_reset(); }

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

    [[nodiscard, gnu::noinline]] result<std::size_t> receive_slowly(std::span<std::byte> to,
                                                                    time_point deadline) noexcept {
        if (to.empty()) {
            return std::size_t{0};
        }
        const bool at_once = deadline == time_point::min();
        const auto ring_has = [this]() noexcept { return rx_.readable_at_least() != 0; };
        for (bool tcp_was_seen = false, answered = false;;) {
            // What came by the ring last time probably comes by it again: it is cheaper to look at.
            if (by_ring_ && !at_once && !tcp_was_seen && rx_.poll(spinner_, 1, deadline) == polled::enough) {
                if (const std::size_t n = take(to); n != 0) {
                    return n;
                }
            }
            const auto tcp_has = [&]() noexcept { return std::exchange(tcp_was_seen, false) || tcp_->readable(); };
            const inlet from = ledger_.next(ring_has, tcp_has);
            if (const std::size_t n = from == inlet::ring ? take(to) : 0; n != 0) {
                return n;
            }
            if (rx_.state() == status::corrupt) [[unlikely]] {
                return failed{EPROTO};
            }
            switch (from) {
                case inlet::tcp: {
                    const auto received = tcp_->receive(to, blocking::no);
                    if (!received && received.would_block()) {
                        break;
                    }
                    if (received.value_or(0) != 0) {
                        took_by_tcp(*received);
                        return received;
                    }
                    return end_of_stream(received);
                }
                case inlet::ring:
                case inlet::nothing:
                    break;
            }
            if (ledger_.answer()) {
                rx_.nudge();
                by_ring_ = true;
                if (!std::exchange(answered, true)) {
                    continue;  // The first byte may come at once.
                }
                // A peer that flushes again and again does not keep us from our deadline.
            }
            if (at_once || platform::now() >= deadline) {
                return failed{EAGAIN};
            }
            tcp_was_seen = sleep(deadline);
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

    /// True if TCP had something in the end.
    [[nodiscard]] bool sleep(time_point until) noexcept {
        if (ledger_.is_out()) {
            const auto seen = tcp_->park(no_doorbell, {.readable = true}, until);
            count_->sleeps.add(1);
            return seen.readable || seen.failed;
        }
        bell_expected_ = false;
        const bool armed = rx_.arm(1);
        if (rx_.peer_died() || rx_.state() == status::closed) {  // The latter is nothing that an endpoint does.
            ledger_.lost_sender();
        }
        if (!armed) {
            return false;
        }
        if (ledger_.there_is_news()) {
            rx_.disarm();
            return false;
        }
        const auto seen = tcp_->park(rx_.poll_fd(), {.readable = true}, until);
        rx_.disarm();
        count_->sleeps.add(1);
        return seen.readable || seen.failed;
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
    typename waiter::spin<>::template point<platform> spinner_;
};

}  // namespace ferrule::inline v0::splice
