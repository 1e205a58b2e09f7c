// The sending half of an endpoint: does what the ledger says, with a ring and a transport.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/producer.hpp>
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
struct outgoing_tallies {
    tally<Platform> bytes_by_ring, bytes_by_tcp, calls, sleeps, flushes, openings, spills, returns;
};

/// Made when the direction gets a ring. One thread at a time.
template <class Ring, transport Transport>
class outgoing {
    using platform = typename Ring::platform_type;

public:
    using time_point = std::chrono::steady_clock::time_point;
    using words = side_words<platform>;
    using tallies = outgoing_tallies<platform>;
    using flag = typename platform::template atomic<std::uint32_t>;

    /// `deaf` is not 0 once this endpoint itself has ended what it receives.
    outgoing(Ring& ring, words& mine, const words& theirs, Transport& tcp, const behaviour& how, tallies& count,
             const flag& deaf) noexcept
        : tx_{ring.template claim_producer<cursor::cached, guard::none>()},
          ledger_{mine, theirs},
          mine_{&mine},
          tcp_{&tcp},
          how_{&how},
          count_{&count},
          deaf_{&deaf},
          spinner_{waiter::spin<>{how.busy_poll}} {}

    /// Sends all of `bytes`, or what can be sent until `deadline`; at least one byte, or the reason why not.
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, time_point deadline) noexcept {
        std::size_t done = 0;
        if (ledger_.ring_is_next()) [[likely]] {
            // A peer that is known to be gone reads no ring: TCP answers for it, as it would have without one.
            if (ledger_.hear()) [[unlikely]] {
                react();
            } else {
                done = put(bytes);
                if (done == bytes.size()) [[likely]] {
                    return done;
                }
            }
        }
        return send_slowly(bytes.subspan(done), done, {}, deadline);
    }

    /// The same for several pieces, and as `how` says where they go by TCP.
    [[nodiscard]] result<std::size_t> send(detail::pieces<const std::byte> all, send_how how,
                                           time_point deadline) noexcept {
        return send_slowly(all, 0, how, deadline);
    }

    /// How many bytes of ours the peer has not taken out of the ring.
    [[nodiscard]] std::size_t unread() noexcept { return tx_.capacity() - tx_.writable_at_least(); }

    /// The error that the next call would tell, which is then told; 0 if there is none.
    [[nodiscard]] int take_error() noexcept { return std::exchange(pending_error_, 0); }

    /// Before the FIN: nothing more comes by the ring.
    void finish() noexcept {
        ledger_.finish();
        // LVr → LVa (receiving::note, sending::fin_means_death): after the last publication, before the FIN.
        mine_->endpoint.half_closed.store(1, std::memory_order_release);
        tx_.nudge();
    }

    /// Puts nothing more into the ring, and says so.
    void leave() noexcept {
        ledger_.leave();
        tx_.nudge();
    }

    /// An error that a call met after some bytes, and that the next one would tell.
    [[nodiscard]] int pending_error() const noexcept { return pending_error_; }

    /// What a send() that must not wait could do.
    [[nodiscard]] prospects look() noexcept {
        (void)listen();
        flush_ahead();
        return look(next());
    }

    /// The same, for an event loop: if nothing can be sent by the ring, the doorbell rings when it can; and when the
    /// reader has said something that this function, or a send(), has to hear.
    [[nodiscard]] prospects watch() noexcept {
        for (;;) {
            (void)listen();
            flush_ahead();
            const outlet way = next();
            prospects found = look(way);
            bell_expected_ = bell_expected_ && found.now;
            if (found.now || is_by_tcp(next())) {
                return found;
            }
            ledger_.about_to_sleep();
            if (way == outlet::ring) {
                // Half a ring at once, unless that could take long.
                hoped_for_ = found.tcp_from < platform::now() + soon ? tx_.capacity() / 2 : 1;
                bell_expected_ = tx_.arm(1, hoped_for_);
            } else {
                hoped_for_ = 0;
                tx_.arm_for_nudge();
                bell_expected_ = true;
            }
            if (tx_.peer_died() || shows_death(tcp_->look({.ended = end_means_death()}))) {
                ledger_.finish();
            } else if (!listen() && bell_expected_ && next() == way) {
                found.rings = true;
                return found;
            }
            // What has changed may have rung before the bell was armed, and been taken back by that.
            bell_expected_ = false;
        }
    }

    /// From now on a send() that must not wait is refused while the reader may only be slow, instead of going by TCP at
    /// once: somebody waits for it to be possible.
    void be_patient() noexcept { is_patient_ = true; }

    /// The descriptor that rings.
    [[nodiscard]] int doorbell() noexcept { return tx_.poll_fd(); }

    [[nodiscard]] route sends_by() const noexcept {
        if (ledger_.ring_is_next()) [[likely]] {
            return route::ring;
        }
        return ledger_.is_finished() ? route::tcp : ledger_.is_open() ? route::mixed : route::pairing;
    }

private:
    /// Large messages are shown piece by piece, so that the reader copies one while we copy the next.
    static constexpr std::size_t piece = std::size_t{16} << 10U;
    static constexpr int no_doorbell = -1;
    static constexpr std::chrono::milliseconds soon{100};
    static constexpr unsigned flushes_in_vain = 7;  // Three in a row.
    /// How much goes by TCP before a writer without rest pauses: more each time that it was in vain.
    static constexpr std::uint64_t first_pause_after = std::uint64_t{1} << 20U;
    static constexpr std::uint64_t last_pause_after = std::uint64_t{1} << 30U;
    static constexpr std::chrono::microseconds between_looks{50};

    [[nodiscard]] std::size_t put(std::span<const std::byte> bytes) noexcept {
        std::size_t done = 0;
        do {
            const std::size_t n = tx_.try_write(bytes.subspan(done, std::min(bytes.size() - done, piece)));
            if (n == 0) {
                break;
            }
            done += n;
        } while (done != bytes.size());
        written_ += done;
        count_->bytes_by_ring.add(done);
        // WKp ↔ WKs: after the publication, in the same look as for a sleeper.
        if (ledger_.hear()) [[unlikely]] {
            react();
            if (done == bytes.size()) {
                answer_for_the_ring();
            }
        }
        return done;
    }

    [[nodiscard]] std::size_t put_pieces(detail::pieces<const std::byte>& rest) noexcept {
        std::size_t done = 0;
        while (!rest.empty() && ledger_.ring_is_next()) {
            const std::size_t whole = rest.front().size();
            const std::size_t n = put(rest.front());
            done += n;
            rest.advance(n);
            if (n != whole) {
                break;
            }
        }
        return done;
    }

    /// `done` bytes have gone already, before `rest`.
    [[nodiscard, gnu::noinline]] result<std::size_t> send_slowly(detail::pieces<const std::byte> rest, std::size_t done,
                                                                 send_how how, time_point deadline) noexcept {
        how.may_block = blocking::no;
        if (rest.empty()) {
            (void)listen();
            if (pending_error_ != 0) {
                return failed{std::exchange(pending_error_, 0)};
            }
            const auto asked = tcp_->send(rest, how);  // The connection may have ended.
            flush_ahead();
            return asked;
        }
        patience wait{deadline};
        const bool at_once = wait.is_none();
        bool tcp_is_full = false;
        bool interrupted = false;
        while (!rest.empty()) {
            (void)listen();
            if (pending_error_ != 0) {
                return stop(done, std::exchange(pending_error_, 0));
            }
            const outlet way = next();
            if (way == outlet::ring) {
                if (const std::size_t n = put_pieces(rest); n != 0) {
                    standing_still_ = false;
                    done += n;
                    continue;
                }
                const status why = tx_.state();
                if (why == status::corrupt) {
                    return stop(done, EPROTO);
                }
                if (why == status::closed) {
                    ledger_.finish();  // Nothing that an endpoint does. There will never be room again.
                    continue;
                }
            }
            // A call that cannot wait for the answer would make its own flush void: it flushes when it is done.
            if (way == outlet::tcp && !at_once && may_flush_now() &&
                (unacknowledged() == 0 || pause(wait.as_known()))) {
                flush();
                continue;
            }
            const time_point feed_from = when_tcp_may_be_fed(way);
            // Who is interrupted must not wait any more; nothing to wait for is left if TCP takes it.
            if (!tcp_is_full &&
                (feed_from == time_point::min() || ((at_once || interrupted) && may_spill_at_once(way)) ||
                 platform::now() >= feed_from)) {
                const auto sent = tcp_->send(rest, how);
                if (sent) {
                    if (way == outlet::flushing) {
                        begin_again_later();
                    }
                    ledger_.sent_by_tcp(*sent);
                    if (way == outlet::ring) {
                        spilled();
                    }
                    count_->bytes_by_tcp.add(*sent);
                    without_pause_ += *sent;
                    done += *sent;
                    rest.advance(*sent);
                    continue;
                }
                if (!sent.would_block()) {
                    if (sent.error().value() != EFAULT) {  // Which says nothing about the connection.
                        ledger_.finish();
                    }
                    return stop(done, sent.error().value());
                }
                tcp_is_full = true;
            }
            if (interrupted) {
                return stop(done, EINTR);
            }
            const auto limit = [this]() noexcept { return tcp_->send_limit(); };
            if (at_once || platform::now() >= wait.template deadline<platform>(limit)) {
                return stop(done, EAGAIN);
            }
            interrupted =
                sleep(way, std::min(wait.as_known(), tcp_is_full ? time_point::max() : feed_from), tcp_is_full) &&
                (wait.is_bounded() || !tcp_->restarts());
        }
        flush_ahead();
        return done;
    }

    /// What was sent counts; the error is for the next call.
    [[nodiscard]] result<std::size_t> stop(std::size_t done, int why) noexcept {
        if (done == 0) {
            return failed{why};
        }
        pending_error_ = why == EAGAIN || why == EINTR || why == EFAULT ? 0 : why;
        return done;
    }

    /// From when on bytes may go by TCP although another way is hoped for.
    [[nodiscard]] time_point when_tcp_may_be_fed(outlet way) noexcept {
        if (way == outlet::tcp) {
            return time_point::min();
        }
        // What we wrote counts, or a reader that made just the room we filled would seem not to have moved.
        const std::uint64_t position = written_ + tx_.writable_at_least() + ledger_.taken();
        if (!standing_still_ || position != stands_at_) {
            standing_still_ = true;
            stands_at_ = position;
            since_ = platform::now();
        }
        switch (way) {
            case outlet::flushing:
                return since_ + how_->opening_patience;
            case outlet::settling:
                return since_ + how_->overflow.feed_after();
            default:
                return how_->overflow.spills() ? since_ + how_->overflow.spill_after() : time_point::max();
        }
    }

    /// A call that cannot wait makes its flush void, and goes by TCP rather than not at all if nobody waits for it.
    [[nodiscard]] bool may_spill_at_once(outlet way) const noexcept {
        if (way == outlet::flushing) {
            // One that sends without a pause would never agree on the ring.
            return !is_patient_ || patience_ < flushes_in_vain;
        }
        const bool waits = is_patient_ && how_->overflow != overflow::on_full();
        return !waits && (way != outlet::ring || how_->overflow.spills());
    }

    [[nodiscard]] bool is_by_tcp(outlet way) const noexcept {
        return way == outlet::tcp || (way == outlet::flushing && may_spill_at_once(way));
    }

    [[nodiscard]] prospects look(outlet way) noexcept {
        if (pending_error_ != 0) {
            return {.now = true};
        }
        if (is_by_tcp(way)) {
            return {.by_tcp = true};
        }
        const std::size_t room = way == outlet::ring ? tx_.writable_at_least() : 0;
        const status state = tx_.state();
        if (state == status::closed) {
            ledger_.finish();  // As in a call.
            return {.by_tcp = true};
        }
        if (room != 0 || state == status::corrupt) {
            // Room for what it was armed for has rung the bell. What it was armed for without a ring may have changed
            // since.
            const bool rings = bell_expected_ && hoped_for_ != 0 && room >= hoped_for_;
            return {.now = true, .rings = rings, .end_is_news = end_means_death()};
        }
        const time_point from = may_spill_at_once(way) ? time_point::min() : when_tcp_may_be_fed(way);
        return {.by_tcp = from == time_point::min() || platform::now() >= from,
                .rings = bell_expected_,
                .end_is_news = end_means_death(),
                .tcp_from = from};
    }

    /// True if a signal ended it.
    [[nodiscard]] bool sleep(outlet way, time_point until, bool& tcp_is_full) noexcept {
        if (way == outlet::ring && tx_.poll(spinner_, 1, until) == polled::enough) {
            return false;
        }
        ledger_.about_to_sleep();
        bell_expected_ = false;
        if (way == outlet::ring) {
            if (!tx_.arm(1, tx_.capacity() / 2) && !tx_.peer_died()) {
                return false;
            }
        } else {
            tx_.arm_for_nudge();
        }
        if (tx_.peer_died() && !ledger_.is_finished()) {
            tx_.disarm();
            ledger_.finish();
            return false;
        }
        if (listen()) {
            tx_.disarm();
            return false;
        }
        if (next() != way) {
            tx_.disarm();
            return false;
        }
        // A bell whose other end is gone rings for ever.
        const int doorbell = tx_.peer_died() ? no_doorbell : tx_.poll_fd();
        const auto seen = tcp_->park(doorbell, {.writable = tcp_is_full, .ended = end_means_death()}, until);
        tx_.disarm();
        count_->sleeps.add(1);
        tcp_is_full = tcp_is_full && !seen.writable && !seen.failed;
        if (shows_death(seen)) {
            ledger_.finish();
        }
        return seen.interrupted;
    }

    [[nodiscard]] bool shows_death(transport_events seen) const noexcept {
        return seen.failed || (seen.ended && end_means_death());
    }

    /// True if nothing but the peer's death can be why TCP has ended, and that is news: an end that is known would end
    /// every sleep at once.
    [[nodiscard]] bool end_means_death() const noexcept {
        // Relaxed, hint: behind the fence in there, so that an end that was seen follows the flag (stop_receiving).
        return !ledger_.is_finished() && ledger_.fin_means_death() && deaf_->load(std::memory_order_relaxed) == 0;
    }

    /// True if the peer has said something.
    bool listen() noexcept {
        const bool heard = ledger_.hear();
        if (heard) {
            react();
        }
        return heard;
    }

    /// The peer closed, or wants to leave the ring.
    [[gnu::noinline]] void react() noexcept {
        if (ledger_.must_leave()) {
            leave();
        }
    }

    /// What lies in the ring was accepted, and a peer that is gone will not read it. TCP would answer that with RST:
    /// draw one, if nothing else follows that does. Nobody reads the byte.
    [[gnu::noinline]] void answer_for_the_ring() noexcept {
        if (ledger_.peer_is_gone() && tx_.look_behind_barrier() != tx_.capacity()) {
            const std::byte anything{};
            const auto sent = tcp_->send({&anything, 1}, blocking::no);
            if (!sent && !sent.would_block()) {
                pending_error_ = sent.error().value();
            }
        }
    }

    /// There is somebody to agree with, who has not just refused.
    [[nodiscard]] bool may_flush_now() noexcept {
        const bool skip = sends_to_skip_ != 0;
        sends_to_skip_ -= skip ? 1 : 0;
        return !skip && ledger_.may_flush();
    }

    /// How much TCP may still have to carry; a lot if it does not tell.
    [[nodiscard]] std::size_t unacknowledged() const noexcept {
        return tcp_->unacknowledged().value_or(std::numeric_limits<std::size_t>::max());
    }

    /// A writer that always has more never finds everything acknowledged: now and then it feeds TCP nothing, as long as
    /// the reader makes progress with what is there. True if that was enough.
    [[nodiscard]] bool pause(time_point deadline) noexcept {
        if (without_pause_ < pause_after_) {
            return false;
        }
        without_pause_ = 0;
        std::size_t least = unacknowledged();
        time_point until = std::min(deadline, platform::now() + how_->opening_patience);
        for (time_point now = platform::now(); now < until; now = platform::now()) {
            if (tcp_->park(no_doorbell, {}, std::min(until, now + between_looks)).failed) {
                return false;
            }
            const std::size_t left = unacknowledged();
            if (left == 0) {
                pause_after_ = first_pause_after;
                return true;
            }
            if (left < least) {
                least = left;
                until = std::min(deadline, now + how_->opening_patience);
            }
        }
        pause_after_ = std::min(2 * pause_after_, last_pause_after);
        return false;
    }

    /// Everything is acknowledged.
    void flush() noexcept {
        ledger_.begin_flush();
        tx_.nudge();
        standing_still_ = false;
        count_->flushes.add(1);
    }

    /// At the end of a call, so that the answer may be there by the next one, which then need not wait for it.
    void flush_ahead() noexcept {
        if (next() == outlet::tcp && may_flush_now() && unacknowledged() == 0) {
            flush();
        }
    }

    /// The way back begins here, even if the reader is so quick that nobody sees it wait.
    void spilled() noexcept {
        count_->spills.add(1);
        was_ = outlet::settling;
        standing_still_ = false;
    }

    /// The reader did not agree in time: not every send shall wait for it.
    void begin_again_later() noexcept { sends_to_skip_ = patience_ = std::min(2 * patience_ + 1, 1023U); }

    /// Where the next byte may go, and what has changed in that.
    [[nodiscard]] outlet next() noexcept {
        const bool was_open = ledger_.is_open();
        const outlet way = ledger_.next();
        if (way != was_) {
            if (!was_open && ledger_.is_open()) {
                count_->openings.add(1);
                patience_ = 0;
            }
            count_->returns.add(was_ == outlet::settling && way == outlet::ring ? 1 : 0);
            was_ = way;
            standing_still_ = false;
        }
        return way;
    }

    producer<Ring, cursor::cached, guard::none> tx_;
    sending<platform> ledger_;
    words* mine_;
    Transport* tcp_;
    const behaviour* how_;
    tallies* count_;
    const flag* deaf_;
    outlet was_ = outlet::tcp;
    bool standing_still_ = false;
    bool is_patient_ = false;
    bool bell_expected_ = false;  // Armed for an event loop, and not used otherwise since;
    std::size_t hoped_for_ = 0;   // for so much room.
    int pending_error_ = 0;
    std::uint64_t written_ = 0;        // Into the ring.
    std::uint64_t stands_at_ = 0;      // How far the reader had come,
    time_point since_{};               // and since when.
    std::uint64_t without_pause_ = 0;  // Given to TCP since the last one.
    std::uint64_t pause_after_ = first_pause_after;
    unsigned sends_to_skip_ = 0;  // Before the next flush.
    unsigned patience_ = 0;
    typename waiter::spin<>::template point<platform> spinner_;
};

}  // namespace ferrule::inline v0::splice
