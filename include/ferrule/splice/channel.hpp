// One endpoint of a splice: a transport, and the two rings it may get at any time. Knows neither descriptors nor
// sockets, nor how the rings came to be, nor whether the other endpoint is in this process.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/call.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/detail/one_of.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/guard/checked.hpp>
#include <ferrule/result.hpp>
#include <ferrule/ring.hpp>
#include <ferrule/splice/behaviour.hpp>
#include <ferrule/splice/incoming.hpp>
#include <ferrule/splice/joint.hpp>
#include <ferrule/splice/ledger.hpp>
#include <ferrule/splice/outgoing.hpp>
#include <ferrule/splice/patience.hpp>
#include <ferrule/splice/prospects.hpp>
#include <ferrule/splice/turns.hpp>
#include <ferrule/status.hpp>

namespace ferrule::inline v0::splice {

/// One thread may send while another receives. Two in the same direction at once stop the program, or take turns, as
/// `Guard` says; see splice/turns.hpp. close() is for when no other call is under way. The rings are of one of the
/// kinds named.
template <class Guard, transport Transport, class Ring, class... OtherRings>
class guarded_channel {
    using platform = typename Ring::platform_type;
    using way_type = splice::direction<Guard, platform, Transport>;
    using inner = typename way_type::transport_type;
    using in_call = detail::call<typename way_type::guard_state>;

public:
    using time_point = std::chrono::steady_clock::time_point;

    /// As a deadline: do not wait at all.
    static constexpr time_point at_once = time_point::min();

    guarded_channel(Transport& tcp, const behaviour& how) noexcept
        : tcp_{&tcp}, how_{how}, sending_{tcp}, receiving_{tcp} {}
    guarded_channel(const guarded_channel&) = delete;
    guarded_channel& operator=(const guarded_channel&) = delete;

    /// Gives this endpoint its rings. Any thread, once: a second time stops the program. The halves begin to use them
    /// in their next calls.
    template <class Kind>
        requires(std::same_as<Kind, Ring> || (std::same_as<Kind, OtherRings> || ...))
    void offer(const seat<Kind>& place) noexcept {
        if (is_offered()) [[unlikely]] {
            detail::misuse("a channel was offered rings twice");
        }
        place_.template hold<seat<Kind>>(place);
        // OFr → OFa (is_offered): with the rings, and what is said about them.
        offered_.store(1, std::memory_order_release);
    }

    /// Sends all of `bytes`, or what can be sent until `deadline`. Returns how many, at least one; or why none. Without
    /// a deadline (time_point::max()) it waits as long as the transport was told, and is interrupted as a call of the
    /// transport would be: EINTR, if nothing was sent.
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, time_point deadline) noexcept {
        if constexpr (Guard::many_threads) {
            return send(bytes, {}, deadline);
        } else {
            const in_call in{sending_.guard};
            sent_.calls.add(1);
            if (!out_ && !install_out()) [[unlikely]] {
                return send_unspliced(bytes, {}, deadline);
            }
            const auto sent = out_.with([&](auto& half) noexcept { return half.send(bytes, deadline); });
            note_route();
            return sent;
        }
    }
    /// The same for bytes in several pieces, and as `how` says.
    [[nodiscard]] result<std::size_t> send(detail::pieces<const std::byte> bytes, send_how how,
                                           time_point deadline) noexcept {
        const in_call in{sending_.guard};
        sent_.calls.add(1);
        if constexpr (Guard::many_threads) {
            const auto limit = [this]() noexcept { return tcp_->send_limit(); };
            return in_turn(sending_, bytes, true, deadline, limit,
                           [&](time_point until) noexcept { return send_alone(bytes, how, until); });
        } else {
            return send_alone(bytes, how, deadline);
        }
    }

    /// Receives what there is, waiting for it until `deadline`. Returns how many bytes, 0 at the end of the stream; or
    /// why none.
    [[nodiscard]] result<std::size_t> receive(std::span<std::byte> to, time_point deadline) noexcept {
        if constexpr (Guard::many_threads) {
            return receive(to, {}, deadline);
        } else {
            const in_call in{receiving_.guard};
            received_.calls.add(1);
            if (!in_ && !install_in()) {
                return receive_unspliced(to, {}, deadline);
            }
            return in_.with([&](auto& half) noexcept { return half.receive(to, deadline); });
        }
    }
    /// The same into several pieces, and as `how` says.
    [[nodiscard]] result<std::size_t> receive(detail::pieces<std::byte> to, receive_how how,
                                              time_point deadline) noexcept {
        const in_call in{receiving_.guard};
        received_.calls.add(1);
        if constexpr (Guard::many_threads) {
            const auto limit = [this]() noexcept { return tcp_->receive_limit(); };
            return in_turn(receiving_, to, how.whole && !how.keep, deadline, limit,
                           [&](time_point until) noexcept { return receive_alone(to, how, until); });
        } else {
            return receive_alone(to, how, deadline);
        }
    }

    /// How many bytes the ring holds for the next receive(). A call of the receiving thread.
    [[nodiscard]] std::size_t unread() noexcept {
        const in_call in{receiving_.guard};
        return in_ || install_in() ? in_.with([](auto& half) noexcept { return half.unread(); }) : 0;
    }
    /// How many bytes the ring holds that the peer has not taken. A call of the sending thread.
    [[nodiscard]] std::size_t unread_by_peer() noexcept {
        const in_call in{sending_.guard};
        return out_ || install_out() ? out_.with([](auto& half) noexcept { return half.unread(); }) : 0;
    }
    /// How many bytes a receive() waits for, if it waits at all. False if that is the transport's to know, there being
    /// no ring. A call of the receiving thread.
    [[nodiscard]] bool set_low_water(std::size_t mark) noexcept {
        const in_call in{receiving_.guard};
        if (!in_ && !install_in()) {
            return false;
        }
        in_.with([mark](auto& half) noexcept { half.set_low_water(mark); });
        return true;
    }
    /// The error that the next call in either direction would tell without asking the transport, which is then told;
    /// 0 if there is none. No other call may be under way.
    [[nodiscard]] int take_error() noexcept {
        const in_call one{sending_.guard};
        const in_call other{receiving_.guard};
        if (const int error = out_ ? out_.with([](auto& half) noexcept { return half.take_error(); }) : 0; error != 0) {
            return error;
        }
        if (pending_error_ != 0) {
            return std::exchange(pending_error_, 0);
        }
        return in_ ? in_.with([](auto& half) noexcept { return half.take_error(); }) : 0;
    }

    /// Sends the FIN behind everything that was sent. A call of the sending thread.
    [[nodiscard]] result<void> finish_sending() noexcept {
        const in_call in{sending_.guard};
        // Also one that never sent has something to say before its FIN, or the FIN would look like its death.
        if (out_ || install_out()) {
            out_.with([](auto& half) noexcept { half.finish(); });
            note_route();
        }
        const auto done = tcp_->finish_sending();
        if (done) {
            note_stop(stopped_sending_);
        }
        return done;
    }

    /// Wants no more. What has arrived can still be received; then the stream has ended. Any thread.
    [[nodiscard]] result<void> stop_receiving() noexcept {
        // Relaxed, hint: before the system call, whose effect the sending half must not take for the peer's death; it
        // asks behind a fence.
        deaf_.store(1, std::memory_order_relaxed);
        const auto done = tcp_->stop_receiving();
        if (done) {
            note_stop(stopped_receiving_);
        }
        return done;
    }

    /// Goes back to the transport for good, in both directions, so that it can be used by others: waits until the other
    /// endpoint has agreed, at the longest until `deadline`. Returns ok when nothing is in the ring that comes to this
    /// endpoint, and nothing will be; what it has sent itself comes before what the transport carries from now on.
    /// `stalled`: something is there, to be received first. `timed_out`: the other endpoint has not agreed yet, as it
    /// does in its next send. Either way everything goes by the transport as soon as possible, and the caller may try
    /// again. No other call may be under way.
    [[nodiscard]] status unsplice(time_point deadline) noexcept {
        const in_call one{sending_.guard};
        const in_call other{receiving_.guard};
        if (in_) {
            in_.with([](auto& half) noexcept { half.ask_to_leave(); });
        }
        // Behind that: an event loop at the other end that waits for its reading half is woken for both.
        if (out_ || install_out()) {
            out_.with([](auto& half) noexcept { half.leave(); });
            note_route();
        }
        leaves_ = true;
        status left = status::ok;
        if (in_) {
            // Relaxed, hint: nothing else calls now.
            const bool deaf = deaf_.load(std::memory_order_relaxed) != 0;
            left = in_.with([&](auto& half) noexcept { return half.wait_until_left(deaf, deadline); });
        }
        if (left == status::ok) {
            drop_halves();
        }
        return left;
    }

    /// Behind unsplice(): how many bytes a receive() waits for, which is the transport's to know again.
    [[nodiscard]] std::size_t low_water() const noexcept { return low_water_; }

    /// Ends both directions: with RST if something that was sent to us is unread, as TCP would. Idempotent.
    void close() noexcept {
        if (closed_) {
            return;
        }
        closed_ = true;
        const in_call one{sending_.guard};
        const in_call other{receiving_.guard};
        const bool unread = in_ && in_.with([](auto& half) noexcept { return half.leaves_unread(); });
        if (unread && !tcp_->is_like_tcp()) {
            in_.with([](auto& half) noexcept { half.say_reset(); });
        }
        tcp_->close(unread ? farewell::reset : farewell::orderly);
        if (in_) {
            in_.with([](auto& half) noexcept { half.wake_sender(); });
        }
        out_.reset();
        in_.reset();
    }

    /// What an event loop is told about a direction, and what rings for it. `waits`: it does wait for that direction;
    /// then the doorbell is to be watched from now on if `prospects::rings`. A call of that direction's thread, or of
    /// any while no other call of that direction is under way; it does not count as one of two at once.
    struct outlook {
        prospects found{.by_tcp = true};
        int doorbell = -1;
    };
    [[nodiscard]] outlook attend_receiving(bool waits) noexcept {
        outlook seen;
        if (in_) {
            in_.with([&](auto& half) noexcept {
                seen = {.found = waits ? half.watch() : half.look(), .doorbell = half.doorbell()};
            });
        }
        return seen;
    }
    /// `can_wait`: it can also wait for a time to come, so that a send need not go by TCP while the reader is slow.
    [[nodiscard]] outlook attend_sending(bool waits, bool can_wait) noexcept {
        outlook seen;
        if (out_) {
            out_.with([&](auto& half) noexcept {
                if (can_wait) {
                    half.be_patient();
                }
                seen = {.found = waits ? half.watch() : half.look(), .doorbell = half.doorbell()};
            });
            note_route();
        } else {
            seen.found.now = pending_error_ != 0;
        }
        return seen;
    }

    /// True once it was offered rings. Any thread.
    [[nodiscard]] bool has_rings() const noexcept { return is_offered(); }

    /// How what this endpoint sends goes at present. Any thread.
    [[nodiscard]] route sends_by() const noexcept {
        // Relaxed, statistics.
        return route_.load(std::memory_order_relaxed);
    }

    /// What this endpoint has done so far. Any thread; the figures need not fit together while calls are under way.
    [[nodiscard]] statistics counts() const noexcept {
        statistics all;
        read_common(all.sent, sent_);
        all.sent.flushes = sent_.flushes.read();
        all.sent.openings = sent_.openings.read();
        all.sent.spills = sent_.spills.read();
        all.sent.returns = sent_.returns.read();
        read_common(all.received, received_);
        return all;
    }

private:
    template <class Tallies>
    static void read_common(direction_statistics& to, const Tallies& from) noexcept {
        to.bytes_by_ring = from.bytes_by_ring.read();
        to.bytes_by_tcp = from.bytes_by_tcp.read();
        to.calls = from.calls.read();
        to.sleeps = from.sleeps.read();
    }

    [[nodiscard]] bool is_offered() const noexcept {
        // OFa ← OFr (offer): without it the rings may not be seen whole.
        return offered_.load(std::memory_order_acquire) != 0;
    }

    [[nodiscard]] result<std::size_t> send_alone(detail::pieces<const std::byte> bytes, send_how how,
                                                 time_point deadline) noexcept {
        if (!out_ && !install_out()) {
            return send_unspliced(bytes, how, deadline);
        }
        const auto sent = out_.with([&](auto& half) noexcept { return half.send(bytes, how, deadline); });
        note_route();
        return sent;
    }
    [[nodiscard]] result<std::size_t> receive_alone(detail::pieces<std::byte> to, receive_how how,
                                                    time_point deadline) noexcept {
        if (!in_ && !install_in()) {
            return receive_unspliced(to, how, deadline);
        }
        return in_.with([&](auto& half) noexcept { return half.receive(to, how, deadline); });
    }

    /// `move(until)` moves what there is of `bytes`, until all are moved if `whole`. It waits only for the first in
    /// line.
    template <class Bytes, class Limit, class Move>
    [[nodiscard]] static result<std::size_t> in_turn(way_type& way, Bytes& bytes, bool whole, time_point deadline,
                                                     Limit limit, Move move) noexcept {
        using first_in_line = typename decltype(way.among)::first;
        patience wait{deadline};
        for (std::size_t done = 0;;) {
            const bool alone = !way.among.is_taken();
            const auto moved = [&]() noexcept {
                if (!alone) {
                    return move(at_once);
                }
                const first_in_line here{way.among};
                return move(wait.as_known());
            }();
            if (moved) {
                done += *moved;
                bytes.advance(*moved);
            }
            const bool more_may_come = moved ? whole && *moved != 0 && !bytes.empty() : moved.would_block();
            if (alone || !more_may_come || wait.is_none()) {
                return done != 0 ? result<std::size_t>{done} : moved;
            }
            if (!way.among.wait(wait.template deadline<platform>(limit))) {
                return done != 0 ? result<std::size_t>{done} : failed{EAGAIN};
            }
        }
    }

    /// False if a thread of ours may be in a call of the transport that knows of no ring.
    [[nodiscard]] static bool may_install(const way_type& way) noexcept {
        if constexpr (Guard::many_threads) {
            return !way.among.is_asleep();
        } else {
            return true;
        }
    }

    /// Not before every error was told.
    [[nodiscard]] bool install_out() noexcept {
        if (leaves_ || !is_offered() || pending_error_ != 0 || !may_install(sending_)) {
            return false;
        }
        place_.with([this]<class Kind>(const seat<Kind>& place) noexcept {
            out_.template hold<outgoing<Kind, inner>>(*place.out, *place.mine, *place.theirs, *sending_.transport, how_,
                                                      sent_, deaf_);
        });
        return true;
    }

    [[nodiscard]] bool install_in() noexcept {
        if (leaves_ || !is_offered() || !may_install(receiving_)) {
            return false;
        }
        place_.with([this]<class Kind>(const seat<Kind>& place) noexcept {
            in_.template hold<incoming<Kind, inner>>(*place.in, *place.mine, *place.theirs, *receiving_.transport, how_,
                                                     received_);
        });
        return true;
    }

    /// From now on calls are the plain ones.
    void drop_halves() noexcept {
        if (out_) {
            pending_error_ = out_.with([](const auto& half) noexcept { return half.pending_error(); });
            note_route();
            out_.reset();
        }
        if (in_) {
            low_water_ = in_.with([](const auto& half) noexcept { return half.low_water(); });
            if (!in_.with([](const auto& half) noexcept { return half.has_to_tell(); })) {
                in_.reset();
            }
        }
    }

    using flag = typename platform::template atomic<std::uint32_t>;

    /// The transport has shut down a direction. If it refuses from now on what the other side sends, as TCP does when
    /// both directions are shut down and AF_UNIX when reading is, then let the other side ask it.
    void note_stop(flag& direction) noexcept {
        // Relaxed: of two threads that shut down a direction each, at least one sees both, because of the fence.
        direction.store(1, std::memory_order_relaxed);
        platform::full_fence();
        const bool refuses = stopped_receiving_.load(std::memory_order_relaxed) != 0 &&
                             (stopped_sending_.load(std::memory_order_relaxed) != 0 || !tcp_->is_like_tcp());
        if (refuses && is_offered()) {
            // Relaxed, hint: nothing but this value is ever stored; heard with the next send.
            place_.with(
                [](const auto& place) noexcept { place.mine->endpoint.gone.store(1, std::memory_order_relaxed); });
        }
    }

    /// As the plain socket would, with the same system calls.
    [[nodiscard, gnu::noinline]] result<std::size_t> send_unspliced(detail::pieces<const std::byte> bytes, send_how how,
                                                                    time_point deadline) noexcept {
        if (pending_error_ != 0) [[unlikely]] {
            return failed{std::exchange(pending_error_, 0)};
        }
        const auto more = [&]() noexcept {
            const auto sent =
                unspliced(*sending_.transport, {.writable = true}, deadline, [&](blocking may_block) noexcept {
                    how.may_block = may_block;
                    return sending_.transport->send(bytes, how);
                });
            sent_.bytes_by_tcp.add(sent.value_or(0));
            return sent;
        };
        const auto first = more();
        if (!first || deadline == at_once || deadline == time_point::max()) {
            return first;
        }
        std::size_t done = *first;
        bytes.advance(done);
        while (!bytes.empty()) {
            const auto next = more();
            if (!next) {
                const int why = next.error().value();
                pending_error_ = why == EAGAIN || why == EINTR ? 0 : why;
                break;
            }
            done += *next;
            bytes.advance(*next);
        }
        return done;
    }
    /// A deadline does not go with `how.whole`: then it returns with what there is.
    [[nodiscard, gnu::noinline]] result<std::size_t> receive_unspliced(detail::pieces<std::byte> to, receive_how how,
                                                                       time_point deadline) noexcept {
        const auto received =
            unspliced(*receiving_.transport, {.readable = true}, deadline, [&](blocking may_block) noexcept {
                how.may_block = may_block;
                return receiving_.transport->receive(to, how);
            });
        received_.bytes_by_tcp.add(how.keep ? 0 : received.value_or(0));
        return received;
    }

    static constexpr int no_doorbell = -1;

    template <class Move>
    [[nodiscard]] static result<std::size_t> unspliced(inner& tcp, transport_events wanted, time_point deadline,
                                                       Move move) noexcept {
        const bool for_ever = deadline == time_point::max();
        for (;;) {
            const auto moved = move(for_ever ? blocking::yes : blocking::no);
            if (moved || for_ever || !moved.would_block() || deadline == at_once || platform::now() >= deadline) {
                return moved;
            }
            if (tcp.park(no_doorbell, wanted, deadline).interrupted) {
                return failed{EINTR};
            }
        }
    }

    void note_route() noexcept {
        const route now = out_.with([](const auto& half) noexcept { return half.sends_by(); });
        if (now != route_was_) {
            // Relaxed, statistics: sole writer.
            route_.store(route_was_ = now, std::memory_order_relaxed);
        }
    }

    Transport* tcp_;
    const behaviour how_;
    typename platform::template atomic<std::uint32_t> offered_{0};
    detail::one_of<seat<Ring>, seat<OtherRings>...> place_;
    bool closed_ = false;
    bool leaves_ = false;        // Stored by a call that is alone.
    std::size_t low_water_ = 1;  // What it was on the rings.
    flag deaf_{0};               // Stored by whoever stops receiving, before it does; loaded by the sender.
    flag stopped_sending_{0};
    flag stopped_receiving_{0};

    // The sending thread's, and the receiving thread's.
    alignas(cache_line) way_type sending_;
    int pending_error_ = 0;  // Met after some bytes, before there was a ring.
    route route_was_ = route::tcp;
    typename platform::template atomic<route> route_{route::tcp};
    outgoing_tallies<platform> sent_;
    detail::one_of<outgoing<Ring, inner>, outgoing<OtherRings, inner>...> out_;
    alignas(cache_line) way_type receiving_;
    incoming_tallies<platform> received_;
    detail::one_of<incoming<Ring, inner>, incoming<OtherRings, inner>...> in_;
};

template <transport Transport, class Ring, class... OtherRings>
using channel = guarded_channel<guard::checked, Transport, Ring, OtherRings...>;

}  // namespace ferrule::inline v0::splice
