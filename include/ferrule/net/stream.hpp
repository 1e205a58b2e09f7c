// A stream socket that takes the short way when it can: send() and recv() of a connected descriptor, whose bytes go
// through shared rings once both ends of the connection were adopted, and through the socket until then, whenever a
// ring is full for long, and when there is no other way. They arrive in order whichever way they went.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include <ferrule/net/fd.hpp>
#include <ferrule/net/identity.hpp>
#include <ferrule/net/options.hpp>
#include <ferrule/net/registry.hpp>
#include <ferrule/net/socket.hpp>
#include <ferrule/presets.hpp>
#include <ferrule/result.hpp>
#include <ferrule/splice/channel.hpp>
#include <ferrule/waiter/eventfd.hpp>

namespace ferrule::inline v0::net {

/// One end of a connection. Move-only; closes its descriptor when it dies. One thread may send while another receives;
/// two threads in the same direction at once stop the program.
///
/// Blocks as the descriptor does: a non-blocking one (O_NONBLOCK) gives EAGAIN instead. Never raises SIGPIPE. A signal
/// does not end a wait.
class stream {
    using ring = heap_ring<std::byte, waiter::eventfd>;
    using joint = splice::joint<ring>;
    using time_point = std::chrono::steady_clock::time_point;

public:
    /// Takes over `fd`, a connected stream socket, TCP or AF_UNIX. Works with any descriptor, in that calls then fail
    /// as the kernel says; why() tells what keeps it from a ring. Looks for the other end in this process.
    [[nodiscard]] static stream adopt(int fd, const options& how = {}) { return stream{unique_fd{fd}, how}; }

    stream(stream&&) noexcept = default;
    stream& operator=(stream&&) noexcept = default;
    ~stream() = default;

    /// Sends all of `bytes`; less only if an error or MSG_DONTWAIT kept it from the rest. Returns how many, at least
    /// one (unless there are none), or the error: EPIPE or ECONNRESET if nobody will read them, EAGAIN with
    /// MSG_DONTWAIT. `flags`: MSG_DONTWAIT and MSG_NOSIGNAL; others are refused with EOPNOTSUPP.
    [[nodiscard]] result<std::size_t> send(std::span<const std::byte> bytes, int flags = 0) noexcept {
        if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) [[unlikely]] {
            return failed{EOPNOTSUPP};
        }
        return core_->channel.send(bytes, core_->deadline(flags));
    }

    /// Receives what there is into `to`, waiting for the first byte. Returns how many; 0 once the other end has sent
    /// its last, or after shutdown(SHUT_RD) when nothing is left; or the error: ECONNRESET once, EAGAIN with
    /// MSG_DONTWAIT. `flags`: MSG_DONTWAIT and MSG_NOSIGNAL; others are refused with EOPNOTSUPP.
    [[nodiscard]] result<std::size_t> recv(std::span<std::byte> to, int flags = 0) noexcept {
        if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) [[unlikely]] {
            return failed{EOPNOTSUPP};
        }
        return core_->channel.receive(to, core_->deadline(flags));
    }

    /// As shutdown(2): SHUT_WR ends what the other end receives, behind everything that was sent; the sending thread's
    /// call. SHUT_RD ends what this end receives, and wakes it; any thread. SHUT_RDWR does both.
    [[nodiscard]] result<void> shutdown(int how) noexcept {
        if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
            return failed{EINVAL};
        }
        result<void> done;
        if (how != SHUT_RD) {
            done = core_->channel.finish_sending();
        }
        if (how != SHUT_WR && done) {
            done = core_->channel.stop_receiving();
        }
        return done;
    }

    /// Ends both directions; the other end sees RST if something it sent was not read. No other call may be under way.
    void close() noexcept { core_.reset(); }

    /// How what this end sends goes at present.
    [[nodiscard]] splice::route route() const noexcept { return core_->channel.sends_by(); }
    /// Why it has no ring; reason::none if it has.
    [[nodiscard]] reason why() const noexcept { return core_->why(); }
    /// What it has done so far. Any thread.
    [[nodiscard]] splice::statistics stats() const noexcept { return core_->channel.counts(); }
    /// The socket: for options, addresses, keepalive. Reading from it or writing to it breaks the order of the stream.
    [[nodiscard]] int native_handle() const noexcept { return core_ ? core_->tcp.fd() : -1; }

private:
    /// What has an address of its own, for the other end to find.
    class core {
    public:
        core(unique_fd fd, const options& how)
            : tcp{std::move(fd)}, channel{tcp, how}, patient_{is_blocking(tcp.fd())}, how_{how} {
            find_the_other_end();
        }
        core(const core&) = delete;
        core& operator=(const core&) = delete;
        ~core() {
            if (entered_) {
                registry<core>::of_this_process().leave(name_);
            }
            channel.close();
        }

        [[nodiscard]] reason why() const noexcept { return why_.load(std::memory_order_relaxed); }

        [[nodiscard]] time_point deadline(int flags) const noexcept {
            return patient_ && (flags & MSG_DONTWAIT) == 0 ? time_point::max() : time_point::min();
        }

        net::socket tcp;

    private:
        std::shared_ptr<joint> joint_;  // Outlives the channel.

    public:
        splice::channel<ring, net::socket> channel;

    private:
        [[nodiscard]] static bool is_blocking(int fd) noexcept {
            const int flags = ::fcntl(fd, F_GETFL);
            return flags < 0 || (flags & O_NONBLOCK) == 0;
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
            const reason answer = registry<core>::of_this_process().enter(
                name_, *this, [this](core& other) noexcept { return pair_with(other); });
            entered_ = answer != reason::sibling && answer != reason::no_resources;
            refuse(answer);
        }

        /// Both of them are held fast by the registry meanwhile.
        [[nodiscard]] reason pair_with(core& other) noexcept {
            if (other.joint_) {
                return reason::peer_not_found;  // It has met somebody: a descriptor of this connection that was closed.
            }
            if (!still_connected(other.tcp.fd(), other.name_)) {
                return reason::peer_not_found;  // Its tuple is in use again, by this connection, which it is not part
                                                // of.
            }
            joint_ = make_joint(how_.ring_capacity);
            if (!joint_) {
                return reason::no_resources;
            }
            other.joint_ = joint_;
            other.channel.offer(*joint_, splice::side::first);
            other.refuse(reason::none);
            channel.offer(*joint_, splice::side::second);
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

        void refuse(reason why) noexcept { why_.store(why, std::memory_order_relaxed); }

        const bool patient_;
        const options how_;
        connection_name name_{};
        bool entered_ = false;
        std::atomic<reason> why_{reason::none};
    };

    stream(unique_fd fd, const options& how) : core_{std::make_unique<core>(std::move(fd), how)} {}

    std::unique_ptr<core> core_;
};

}  // namespace ferrule::inline v0::net
