// A stream socket that takes the short way when it can: send() and recv() of a connected descriptor, whose bytes go
// through shared rings once both ends of the connection were adopted, and through the socket until then, whenever a
// ring is full for long, and when there is no other way. They arrive in order whichever way they went.
#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ferrule/detail/pieces.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/net/identity.hpp>
#include <ferrule/net/message_flags.hpp>
#include <ferrule/net/options.hpp>
#include <ferrule/net/per_process.hpp>
#include <ferrule/net/poller.hpp>
#include <ferrule/net/registry.hpp>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/socket.hpp>
#include <ferrule/presets.hpp>
#include <ferrule/result.hpp>
#include <ferrule/splice/channel.hpp>
#include <ferrule/status.hpp>
#include <ferrule/waiter/eventfd.hpp>

namespace ferrule::inline v0::net {

/// One end of a connection. Move-only; closes its descriptor when it dies. One thread may send while another receives;
/// two threads in the same direction at once stop the program, or take turns, as `Guard` says (guard::checked,
/// guard::locked).
///
/// Blocks as the descriptor did when it was adopted: a non-blocking one (O_NONBLOCK) gives EAGAIN instead. Waits no
/// longer than SO_RCVTIMEO and SO_SNDTIMEO say, as they are set when a call goes to sleep, and then gives EAGAIN. A
/// signal ends a wait with EINTR, or with what was moved, unless its handler was installed with SA_RESTART and there
/// is no timeout. EPIPE comes with SIGPIPE, unless MSG_NOSIGNAL says otherwise. One that was closed or moved from
/// answers EBADF. In a forked child it is the socket still if it had no rings when it was forked, and never gets any;
/// if it had, it answers ESTALE, and is the parent's alone.
///
/// Where it differs from the socket: a send() that sleeps because the ring is full is not woken by the other end's
/// SHUT_RD on AF_UNIX, only by what the other end receives or by its close; on AF_UNIX, one that sleeps when the other
/// end closes with something unread gets EPIPE, and ECONNRESET is recv()'s; recv() of no bytes at all waits for none;
/// MSG_PEEK with MSG_WAITALL waits for no more than the ring holds, and MSG_PEEK alone for a single byte whatever
/// SO_RCVLOWAT says; a program that has handlers of both kinds, with SA_RESTART and without, gets EINTR from either; a
/// signal that comes in the moment in which a call looks at the ring before it sleeps runs its handler and ends
/// nothing. What is asked of native_handle() with ioctl(2) or getsockopt(2) knows of no ring: hence available(),
/// unsent() and error(). SO_RCVLOWAT is taken over when there is a ring, and reads as 1 then; later it is
/// set_low_water() that counts.
template <class Guard>
class basic_stream {
    using ring = heap_ring<std::byte, waiter::eventfd>;
    using joint = splice::joint<ring>;
    using time_point = std::chrono::steady_clock::time_point;

public:
    /// Takes over `fd`, a connected stream socket, TCP or AF_UNIX. Works with any descriptor, in that calls then fail
    /// as the kernel says; why() tells what keeps it from a ring. Looks for the other end in this process. Throws
    /// std::bad_alloc, with `fd` closed.
    [[nodiscard]] static basic_stream adopt(int fd, const options& how = {}) {
        return basic_stream{unique_fd{fd}, how};
    }

    basic_stream(basic_stream&&) noexcept = default;
    basic_stream& operator=(basic_stream&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
            poller_ = std::move(other.poller_);
            wanted_ = other.wanted_;
        }
        return *this;
    }
    ~basic_stream() { close(); }

    /// Sends all of `bytes`; less only if an error, a timeout, a signal or MSG_DONTWAIT kept it from the rest. Returns
    /// how many, at least one (unless there are none), or the error: EPIPE or ECONNRESET if nobody will read them,
    /// EAGAIN, EINTR. `flags`: see net/message_flags.hpp; those not known there are refused with EOPNOTSUPP.
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, int flags = 0) noexcept {
        if (const int why = unusable()) [[unlikely]] {
            return failed{why};
        }
        const auto deadline = core_->deadline(flags);
        if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) [[unlikely]] {
            return send_as_told(bytes, flags, deadline);
        }
        return or_broken_pipe(as_sender([&]() noexcept { return core_->channel.send(bytes, deadline); }), flags);
    }
    /// The same for bytes in several pieces, as sendmsg(2) or writev(2). EMSGSIZE if there are more than a thousand.
    [[nodiscard]] result<std::size_t> sendv(std::span<const ::iovec> pieces, int flags = 0) noexcept {
        if (const int why = unusable()) [[unlikely]] {
            return failed{why};
        }
        if (const int why = why_not(pieces); why != 0) {
            return failed{why};
        }
        return send_as_told(ferrule::detail::pieces<const std::byte>::of(pieces), flags, core_->deadline(flags));
    }

    /// Receives what there is into `to`, waiting for the first byte. Returns how many; 0 once the other end has sent
    /// its last, or after shutdown(SHUT_RD) when nothing is left; or the error: ECONNRESET once, EAGAIN, EINTR.
    /// `flags`: see net/message_flags.hpp; those not known there are refused with EOPNOTSUPP.
    [[nodiscard]] result<std::size_t> recv(std::span<std::byte> to, int flags = 0) noexcept {
        if (const int why = unusable()) [[unlikely]] {
            return failed{why};
        }
        const auto deadline = core_->deadline(flags);
        if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) [[unlikely]] {
            return receive_as_told(to, flags, deadline);
        }
        return as_receiver([&]() noexcept { return core_->channel.receive(to, deadline); });
    }
    /// The same into several pieces, as recvmsg(2) or readv(2). EMSGSIZE if there are more than a thousand.
    [[nodiscard]] result<std::size_t> recvv(std::span<const ::iovec> pieces, int flags = 0) noexcept {
        if (const int why = unusable()) [[unlikely]] {
            return failed{why};
        }
        if (const int why = why_not(pieces); why != 0) {
            return failed{why};
        }
        return receive_as_told(ferrule::detail::pieces<std::byte>::of(pieces), flags, core_->deadline(flags));
    }

    /// How many bytes recv() would give without waiting: those in the ring, and FIONREAD's. A call of the receiving
    /// thread.
    [[nodiscard]] result<std::size_t> available() noexcept {
        if (const int why = unusable()) {
            return failed{why};
        }
        const auto by_tcp = core_->tcp.available();
        return by_tcp ? result<std::size_t>{*by_tcp + as_receiver([&]() noexcept { return core_->channel.unread(); })}
                      : by_tcp;
    }
    /// How many bytes have not reached the other end: those in the ring that it has not received, and SIOCOUTQ's. A
    /// call of the sending thread.
    [[nodiscard]] result<std::size_t> unsent() noexcept {
        if (const int why = unusable()) {
            return failed{why};
        }
        const auto by_tcp = core_->tcp.unacknowledged();
        return by_tcp ? result<std::size_t>{*by_tcp +
                                            as_sender([&]() noexcept { return core_->channel.unread_by_peer(); })}
                      : by_tcp;
    }
    /// The error that no call has told yet, as SO_ERROR: once. No other call may be under way.
    [[nodiscard]] std::error_code error() noexcept {
        if (const int why = unusable()) {
            return {why, std::system_category()};
        }
        const int found = core_->channel.take_error();
        const int by_socket = core_->tcp.take_error();  // In any case: it may be the same one.
        see_to(poller::receiving);
        see_to(poller::sending);
        return {found != 0 ? found : by_socket, std::system_category()};
    }
    /// As SO_RCVLOWAT: how many bytes a recv() that waits waits for, or for as many as it has room for. EINVAL if it is
    /// not positive. A call of the receiving thread.
    [[nodiscard]] result<void> set_low_water(int bytes) noexcept {
        if (const int why = unusable()) {
            return failed{why};
        }
        if (bytes <= 0) {
            return failed{EINVAL};
        }
        return core_->channel.set_low_water(static_cast<std::size_t>(bytes)) ? result<void>{}
                                                                             : core_->tcp.set_low_water(bytes);
    }

    /// As shutdown(2): SHUT_WR ends what the other end receives, behind everything that was sent; the sending thread's
    /// call. SHUT_RD ends what this end receives, and wakes it; any thread. SHUT_RDWR does both.
    [[nodiscard]] result<void> shutdown(int how) noexcept {
        if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
            return failed{EINVAL};
        }
        if (const int why = unusable()) {
            return failed{why};
        }
        if (how == SHUT_RD) {
            const auto done = core_->channel.stop_receiving();
            see_to(poller::sending);
            return done;
        }
        const auto done = as_sender([&]() noexcept { return core_->channel.finish_sending(); });
        if (how == SHUT_RDWR && done) {
            // If the FIN was the last thing this connection waited for, there is none any more: no failure.
            (void)core_->channel.stop_receiving();
        }
        return done;
    }

    /// Ends both directions; the other end sees RST if something it sent was not read. No other call may be under way.
    void close() noexcept {
        poller_.reset();
        if (core_ && core_->is_stale()) [[unlikely]] {
            core_.release()->close_descriptors();  // The rest of it touches memory that a child does not have.
        }
        core_.reset();
    }

    /// Leaves the rings, in both directions and for good, so that the descriptor can be used by itself: for kTLS, by
    /// another process, behind exec. Waits for the other end to agree, which it does in its next send() or shutdown(),
    /// with an event loop in any call, or by calling this itself: at the longest until `deadline`; without one as long
    /// as a recv() would. Returns ok when native_handle() is like any connected socket, and the stream with it.
    /// `stalled`: recv() has something to give first. `timed_out`: the other end has not agreed. Then nothing was lost,
    /// and the caller may go on as ever, and try again. No other call may be under way.
    [[nodiscard]] status unsplice(time_point deadline) noexcept {
        if (unusable() != 0) {
            return status::closed;
        }
        if (!poller_) {
            return core_->unsplice(deadline);
        }
        poller_->turn_of(poller::receiving).begin_call();
        poller_->turn_of(poller::sending).begin_call();
        const status left = core_->unsplice(deadline);
        settle(poller::receiving);
        settle(poller::sending);
        return left;
    }
    [[nodiscard]] status unsplice() noexcept { return unsplice(core_ ? core_->deadline(0) : time_point{}); }

    /// Gives the descriptor away, and is then as if closed. EBUSY if the stream has rings that it has not left, see
    /// unsplice(). No other call may be under way.
    [[nodiscard]] result<unique_fd> release() noexcept {
        if (const int why = unusable()) {
            return failed{why};
        }
        if (core_->unsplice(time_point::min()) != status::ok) {
            return failed{EBUSY};
        }
        poller_.reset();
        unique_fd fd = core_->tcp.release();
        core_.reset();
        return fd;
    }

    /// Looks for the other end once more, after unsplice(): when both ends have called this they have rings again.
    /// Returns what why() does then; unspliced if there still are rings to be left. Figures begin anew. No other call
    /// may be under way.
    reason pair_again() noexcept {
        if (unusable() != 0) {
            return reason::not_connected;
        }
        if (core_->unsplice(time_point::min()) != status::ok) {
            return reason::unspliced;
        }
        if (poller_) {
            poller_->forget_bells();
        }
        const options how = core_->how();
        std::unique_ptr<core> again{new (std::nothrow) core{core_->tcp.release(), how}};
        if (!again) {
            return reason::no_resources;
        }
        core_ = std::move(again);
        see_to(poller::receiving);
        see_to(poller::sending);
        return core_->why();
    }

    /// Gives this end its half of rings that it shares with the other end, in another process. Both ends may be in the
    /// middle of anything; each begins to use them in its next calls. Returns EISCONN if it has rings already. No other
    /// call may be under way.
    [[nodiscard]] result<void> join(shared_joint half) noexcept {
        if (!core_) {
            return failed{EBADF};
        }
        return core_->join(std::move(half));
    }

    /// One descriptor for epoll, poll, select or any event loop, which stays the same as long as the stream lives:
    /// readable, level-triggered, while one of the events holds that watch() asked for; by default IN and RDHUP. Made
    /// by the first call, for which no other call may be under way; -1, and errno, if it cannot be made. A
    /// shared_stream has none. Only to be waited for: not to be read, written or closed.
    ///
    /// It may become readable without any of them, because the other end has something to settle with this one: the
    /// next call does so, ready() as well. So a program that finds nothing to do calls ready(), or recv() and send()
    /// until EAGAIN, before it waits again. An edge-triggered one receives until EAGAIN: a call that returns less than
    /// was asked for does not mean that there is no more.
    ///
    /// While it is in use a send() that must not wait is refused with EAGAIN when the ring is full, and as long as the
    /// other end may only be slow; OUT tells when it is worth trying again.
    [[nodiscard]] int poll_fd() noexcept requires(!Guard::many_threads) {
        if (const int why = unusable()) {
            errno = why;
            return -1;
        }
        if (!poller_) {
            poller_ = poller::make(core_->tcp.fd(), wanted_);
            if (!poller_) {
                return -1;
            }
            see_to(poller::receiving);
            see_to(poller::sending);
        }
        return poller_->fd();
    }

    /// Which of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP and EPOLLERR make poll_fd() readable from now on. Any thread
    /// once poll_fd() was called. If a call is under way in a direction, what is wanted of that holds from its end.
    void watch(std::uint32_t events) noexcept requires(!Guard::many_threads) {
        constexpr std::uint32_t known = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
        if (!poller_) {
            wanted_ = events & known;
            return;
        }
        if (unusable() != 0) {
            return;
        }
        poller_->want(events & known);
        see_to(poller::receiving);
        see_to(poller::sending);
    }

    /// Which of those events hold now, asked for or not, as poll(2) would say of a plain socket: IN if recv() gives
    /// bytes, the end, or an error; OUT if send() takes at least a byte, or tells an error. Any thread once poll_fd()
    /// was called, before that no other call may be under way. Of a direction in which a call is, it tells what was
    /// found before that call.
    [[nodiscard]] std::uint32_t ready() noexcept requires(!Guard::many_threads) {
        if (unusable() != 0) {
            return 0;
        }
        if (!poller_) {
            return poller::events_of(core_->tcp.fd(), core_->channel.attend_receiving(false).found,
                                     core_->channel.attend_sending(false, false).found);
        }
        see_to(poller::receiving);
        see_to(poller::sending);
        return poller_->ready();
    }

    /// How what this end sends goes at present.
    [[nodiscard]] splice::route route() const noexcept {
        return core_ ? core_->channel.sends_by() : splice::route::tcp;
    }
    /// Why it has no ring; reason::none if it has.
    [[nodiscard]] reason why() const noexcept { return core_ ? core_->why() : reason::not_connected; }
    /// What it has done so far. Any thread.
    [[nodiscard]] splice::statistics stats() const noexcept {
        return core_ ? core_->channel.counts() : splice::statistics{};
    }
    /// The socket: for options, addresses, keepalive. Reading from it or writing to it breaks the order of the stream.
    [[nodiscard]] int native_handle() const noexcept { return core_ ? core_->tcp.fd() : -1; }

private:
    [[nodiscard, gnu::noinline]] result<std::size_t> send_as_told(ferrule::detail::pieces<const std::byte> bytes,
                                                                  int flags, time_point deadline) noexcept {
        const auto [known, how] = told_to_send(flags);
        if (!known) {
            return failed{EOPNOTSUPP};
        }
        return or_broken_pipe(
            as_sender([&, &how = how]() noexcept { return core_->channel.send(bytes, how, deadline); }), flags);
    }
    [[nodiscard, gnu::noinline]] result<std::size_t> receive_as_told(ferrule::detail::pieces<std::byte> to, int flags,
                                                                     time_point deadline) noexcept {
        const auto [known, how] = told_to_receive(flags, core_->tcp.is_like_tcp());
        if (!known) {
            return failed{EOPNOTSUPP};
        }
        return as_receiver([&, &how = how]() noexcept { return core_->channel.receive(to, how, deadline); });
    }

    /// 0, or what sendmsg() and recvmsg() say to such a list.
    [[nodiscard]] static int why_not(std::span<const ::iovec> pieces) noexcept {
        if (pieces.size() > UIO_MAXIOV) {
            return EMSGSIZE;
        }
        std::size_t room = std::numeric_limits<::ssize_t>::max();
        for (const ::iovec& one : pieces) {
            if (one.iov_len > room) {
                return EINVAL;
            }
            room -= one.iov_len;
        }
        return 0;
    }

    /// As the kernel does it: to the thread that is told EPIPE.
    [[nodiscard, gnu::always_inline]] static result<std::size_t> or_broken_pipe(result<std::size_t> sent,
                                                                                int flags) noexcept {
        if (!sent) [[unlikely]] {
            if ((flags & MSG_NOSIGNAL) == 0 && sent.error().value() == EPIPE) {
                (void)std::raise(SIGPIPE);
            }
        }
        return sent;
    }

    /// What has an address of its own, for the other end to find.
    class core {
    public:
        core(unique_fd fd, const options& how)
            : tcp{std::move(fd)},
              channel{tcp, how},
              home_{per_process<registry<core>>::here()},
              patient_{is_blocking(tcp.fd())},
              how_{how} {
            find_the_other_end();
        }
        core(const core&) = delete;
        core& operator=(const core&) = delete;
        ~core() {
            if (!is_home()) {
                return;  // The connection, and what is shared about it, is the parent's.
            }
            be_alone();
            channel.close();
        }

        /// True in a forked child, whose copy of the rings is not the one that the other end knows.
        [[nodiscard]] bool is_stale() const noexcept { return !is_home() && channel.has_rings(); }

        void close_descriptors() noexcept {
            tcp.close(farewell::orderly);
            shared_joint_.close_descriptors();
        }

        [[nodiscard]] reason why() const noexcept {
            // Relaxed, statistics.
            return why_.load(std::memory_order_relaxed);
        }

        [[nodiscard]] time_point deadline(int flags) const noexcept {
            return patient_ && (flags & MSG_DONTWAIT) == 0 ? time_point::max() : time_point::min();
        }

        [[nodiscard]] const options& how() const noexcept { return how_; }

        net::socket tcp;

        [[nodiscard]] status unsplice(time_point until) noexcept {
            be_alone();
            const status left = channel.unsplice(until);
            if (left == status::ok && why() == reason::none) {
                refuse(reason::unspliced);
                (void)tcp.set_low_water(static_cast<int>(channel.low_water()));
            }
            return left;
        }

        [[nodiscard]] result<void> join(shared_joint half) noexcept {
            if (!is_home()) {
                return failed{ESTALE};
            }
            be_alone();
            if (channel.has_rings()) {
                return failed{EISCONN};
            }
            shared_joint_ = std::move(half);
            seat_at(shared_joint_.seat());
            return {};
        }

    private:
        // Whichever it is, it outlives the channel.
        std::shared_ptr<joint> joint_;
        shared_joint shared_joint_;

    public:
        splice::guarded_channel<Guard, net::socket, ring, shared_joint::ring> channel;

    private:
        [[nodiscard]] static bool is_blocking(int fd) noexcept {
            const int flags = ::fcntl(fd, F_GETFL);
            return flags < 0 || (flags & O_NONBLOCK) == 0;
        }

        /// Nobody in this process pairs with it from now on; whoever was about to has done so when this returns. Not in
        /// a forked child: what it has of that list, and of its lock, is as they happened to be.
        void be_alone() noexcept {
            if (is_home()) {
                home_.leave(name_, *this);
            }
        }

        template <class Ring>
        void seat_at(const splice::seat<Ring>& place) noexcept {
            tcp.keep_alive();
            refuse(reason::none);
            channel.offer(place);
        }

        void find_the_other_end() noexcept {
            if (how_.pairing == pairing::off) {
                return refuse(reason::switched_off);
            }
            if (!std::has_single_bit(how_.ring_capacity)) {
                return refuse(reason::wrong_capacity);
            }
            const identity found = identify(tcp.fd());
            if (found.refused != reason::none) {
                return refuse(found.refused);
            }
            name_ = found.name;
            refuse(reason::peer_not_found);  // The other end may come, and say otherwise, before enter() returns.
            const auto is_over = [](const core& holder) noexcept {
                return !still_connected(holder.tcp.fd(), holder.name_);
            };
            const reason answer =
                home_.enter(name_, *this, is_over, [this](core& other) noexcept { return pair_with(other); });
            if (answer != reason::peer_not_found) {
                refuse(answer);
            }
        }

        /// Both of them are held fast by the registry meanwhile.
        [[nodiscard]] reason pair_with(core& other) noexcept {
            if (!still_connected(other.tcp.fd(), other.name_)) {
                return reason::peer_not_found;  // Its tuple is in use again, by this connection, which it is not part
                                                // of.
            }
            if (other.joint_) {
                return reason::sibling;  // It was paired with another holder of this end, who is gone.
            }
            joint_ = make_joint(how_.ring_capacity);
            if (!joint_) {
                return reason::no_resources;
            }
            other.joint_ = joint_;
            other.seat_at(joint_->seat_of(splice::side::first));
            seat_at(joint_->seat_of(splice::side::second));
            return reason::none;
        }

        [[nodiscard]] static std::shared_ptr<joint> make_joint(std::size_t capacity) noexcept {
#if defined(__cpp_exceptions)
            try {
                return std::make_shared<joint>(capacity);
            } catch (const std::exception&) {
                return nullptr;
            }
#else
            return std::make_shared<joint>(capacity);
#endif
        }

        void refuse(reason why) noexcept {
            // Relaxed, statistics: whoever stores is making the stream, or holds the registry's lock.
            why_.store(why, std::memory_order_relaxed);
        }

        [[nodiscard]] bool is_home() const noexcept { return per_process<registry<core>>::is_here(home_); }

        registry<core>& home_;
        const bool patient_;
        const options how_;
        connection_name name_{};
        std::atomic<reason> why_{reason::none};
    };

    [[nodiscard]] int unusable() const noexcept {
        if (!core_) [[unlikely]] {
            return EBADF;
        }
        return core_->is_stale() ? ESTALE : 0;
    }

    basic_stream(unique_fd fd, const options& how) : core_{std::make_unique<core>(std::move(fd), how)} {}

    /// A call of the sending thread, or of the receiving one, behind which poll_fd() shows what is so.
    template <class Call>
    [[gnu::always_inline]] std::invoke_result_t<Call> as_sender(Call call) noexcept {
        return poller_ ? polled(poller::sending, call) : call();
    }
    template <class Call>
    [[gnu::always_inline]] std::invoke_result_t<Call> as_receiver(Call call) noexcept {
        return poller_ ? polled(poller::receiving, call) : call();
    }
    template <class Call>
    [[gnu::noinline]] std::invoke_result_t<Call> polled(poller::direction which, Call& call) noexcept {
        poller_->turn_of(which).begin_call();
        const auto outcome = call();
        settle(which);
        // What was received may have acknowledged the last of what was sent; and when there was nothing, it may have
        // been for the sending half that the bell rang.
        if (which == poller::receiving && (!outcome || core_->channel.sends_by() == splice::route::pairing)) {
            see_to(poller::sending);
        }
        return outcome;
    }

    /// The same without a call, if there is none under way.
    void see_to(poller::direction which) noexcept {
        if (poller_ && poller_->turn_of(which).begin_look()) {
            settle(which);
        }
    }
    void settle(poller::direction which) noexcept {
        do {
            const bool waits = poller_->wants(which);
            const auto [found, bell] = which == poller::receiving ? core_->channel.attend_receiving(waits)
                                                                  : core_->channel.attend_sending(waits, true);
            poller_->settle(which, found, bell);
        } while (!poller_->turn_of(which).end());
    }

    std::unique_ptr<core> core_;
    std::unique_ptr<poller> poller_;               // Once somebody asked for it.
    std::uint32_t wanted_ = EPOLLIN | EPOLLRDHUP;  // Until then.
};

using stream = basic_stream<guard::checked>;
/// For several threads in one direction.
using shared_stream = basic_stream<guard::locked>;

}  // namespace ferrule::inline v0::net
