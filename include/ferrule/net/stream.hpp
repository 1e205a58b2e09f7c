// A stream socket that takes the short way when it can: send() and recv() of a connected descriptor, whose bytes go
// through shared rings once both ends of the connection were adopted, and through the socket until then, whenever a
// ring is full for long, and when there is no other way. They arrive in order whichever way they went.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <ferrule/detail/pieces.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/net/identity.hpp>
#include <ferrule/net/message_flags.hpp>
#include <ferrule/net/options.hpp>
#include <ferrule/net/per_process.hpp>
#include <ferrule/net/registry.hpp>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/socket.hpp>
#include <ferrule/presets.hpp>
#include <ferrule/result.hpp>
#include <ferrule/splice/channel.hpp>
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
        return or_broken_pipe(core_->channel.send(bytes, deadline), flags);
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
        return core_->channel.receive(to, deadline);
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
        return by_tcp ? result<std::size_t>{*by_tcp + core_->channel.unread()} : by_tcp;
    }
    /// How many bytes have not reached the other end: those in the ring that it has not received, and SIOCOUTQ's. A
    /// call of the sending thread.
    [[nodiscard]] result<std::size_t> unsent() noexcept {
        if (const int why = unusable()) {
            return failed{why};
        }
        const auto by_tcp = core_->tcp.unacknowledged();
        return by_tcp ? result<std::size_t>{*by_tcp + core_->channel.unread_by_peer()} : by_tcp;
    }
    /// The error that no call has told yet, as SO_ERROR: once. No other call may be under way.
    [[nodiscard]] std::error_code error() noexcept {
        if (const int why = unusable()) {
            return {why, std::system_category()};
        }
        const int found = core_->channel.take_error();
        const int by_socket = core_->tcp.take_error();  // In any case: it may be the same one.
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
            return core_->channel.stop_receiving();
        }
        const auto done = core_->channel.finish_sending();
        if (how == SHUT_RDWR && done) {
            // If the FIN was the last thing this connection waited for, there is none any more: no failure.
            (void)core_->channel.stop_receiving();
        }
        return done;
    }

    /// Ends both directions; the other end sees RST if something it sent was not read. No other call may be under way.
    void close() noexcept {
        if (core_ && core_->is_stale()) [[unlikely]] {
            core_.release()->close_descriptors();  // The rest of it touches memory that a child does not have.
        }
        core_.reset();
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
        return known ? or_broken_pipe(core_->channel.send(bytes, how, deadline), flags)
                     : result<std::size_t>{failed{EOPNOTSUPP}};
    }
    [[nodiscard, gnu::noinline]] result<std::size_t> receive_as_told(ferrule::detail::pieces<std::byte> to, int flags,
                                                                     time_point deadline) noexcept {
        const auto [known, how] = told_to_receive(flags, core_->tcp.is_like_tcp());
        return known ? core_->channel.receive(to, how, deadline) : result<std::size_t>{failed{EOPNOTSUPP}};
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
            // Whoever is about to pair with this end has done so when this returns.
            home_.leave(name_, *this);
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

        net::socket tcp;

        [[nodiscard]] result<void> join(shared_joint half) noexcept {
            if (!is_home()) {
                return failed{ESTALE};
            }
            home_.leave(name_, *this);  // Nobody here pairs with it from now on.
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
            const auto is_stale = [](const core& holder) noexcept {
                return !still_connected(holder.tcp.fd(), holder.name_);
            };
            const reason answer =
                home_.enter(name_, *this, is_stale, [this](core& other) noexcept { return pair_with(other); });
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

    std::unique_ptr<core> core_;
};

using stream = basic_stream<guard::checked>;
/// For several threads in one direction.
using shared_stream = basic_stream<guard::locked>;

}  // namespace ferrule::inline v0::net
