// The kernel's TCP between two endpoints, as far as a splice can tell, and no stronger than it has to be.
//
// What a call finds out about the other side it finds out by a relaxed load, which may be late: that is what is in
// flight, and that is why the ledger's fences and acquires cannot be left to the kernel. Only a sleep looks at what is
// there: the kernel does not put a thread to sleep over something that has arrived. A byte carries what its sender knew
// when it was sent, for whoever sees it and passes a fence.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ferrule/concepts.hpp>
#include <ferrule/result.hpp>

#include "platform.hpp"

namespace ferrule::model {

/// One direction of a connection: no more than `Window` bytes that nobody has received, and `Most` in all.
template <std::size_t Window, std::size_t Most>
struct flow {
    static constexpr std::uint64_t window = Window;
    // Beside the counts.
    static constexpr std::uint64_t fin = std::uint64_t{1} << 32U;
    static constexpr std::uint64_t reset = std::uint64_t{1} << 33U;
    static constexpr std::uint64_t count = fin - 1;

    /// How much was sent, and whether there was an end. Stored by the sending endpoint; loaded by the other.
    platform::atomic<std::uint64_t> arrived{0};
    /// How much was received, or that nothing more will be. Stored by the receiving endpoint; loaded by the other.
    platform::atomic<std::uint64_t> taken{0};

    // Known to the kernel. Changed only in the step in which one of the two words is asked or stored, so that the
    // search knows which steps do not commute.
    std::array<std::byte, Most> bytes{};
    bool nobody_reads = false;
    location reader = nowhere;    // The doorbells of those who sleep: for bytes,
    location mourner = nowhere;   // for the end,
    location writer = nowhere;    // for room,
    location survivor = nowhere;  // for the connection's failure,
    bool called = false;          // and a call that blocks.
};

/// One endpoint. One thread may send while another receives.
template <class Flow>
class modelled_tcp {
public:
    using time_point = platform::time_point;

    /// `late` is how often bytes may seem to be unacknowledged although they were received. `truly_reset`: set when the
    /// connection is.
    modelled_tcp(Flow& out, Flow& in, bool& truly_reset, unsigned late = 0) noexcept
        : out_{out}, in_{in}, truly_reset_{truly_reset}, late_acknowledgements_{late} {}
    modelled_tcp(const modelled_tcp&) = delete;
    modelled_tcp& operator=(const modelled_tcp&) = delete;

    [[nodiscard]] result<std::size_t> send(detail::pieces<const std::byte> all, send_how how) noexcept {
        const std::span<const std::byte> bytes = all.front();
        const blocking may_block = how.may_block;
        const std::uint64_t known = out_.taken.load(std::memory_order_relaxed);
        if (refused_ || (known & Flow::reset) != 0) {
            return failed{EPIPE};
        }
        const std::uint64_t room = Flow::window - (sent_ - (known & Flow::count));
        if (room == 0) {
            require(may_block == blocking::no, "a send that would block in the kernel: not modelled");
            return failed{EAGAIN};
        }
        const std::size_t n = std::min<std::size_t>(bytes.size(), room);
        require(sent_ + n <= out_.bytes.size(), "more is sent by TCP than the model has room for");
        std::copy_n(bytes.begin(), n, out_.bytes.begin() + static_cast<std::ptrdiff_t>(sent_));
        sent_ += n;
        out_.arrived.store(sent_, std::memory_order_release);
        if (out_.nobody_reads) {
            refused_ = truly_reset_ = true;  // The answer is RST.
        }
        ring(out_.reader);
        call();
        return n;
    }

    [[nodiscard]] result<std::size_t> receive(detail::pieces<std::byte> all, receive_how how) noexcept {
        const std::span<std::byte> to = all.front();
        const blocking may_block = how.may_block;
        std::uint64_t there = in_.arrived.load(std::memory_order_relaxed);
        while (may_block == blocking::yes && there == received_) {
            there = in_.arrived.newest();
            in_.called = there == received_;
            if (in_.called) {
                here().futex_wait(in_.arrived.where(), there, time_point::max());
            }
        }
        const std::size_t n = std::min<std::size_t>(to.size(), (there & Flow::count) - received_);
        if ((there & Flow::reset) != 0) {
            return failed{ECONNRESET};
        }
        if (n == 0) {
            return (there & Flow::fin) != 0 ? result<std::size_t>{n} : failed{EAGAIN};
        }
        std::copy_n(in_.bytes.begin() + static_cast<std::ptrdiff_t>(received_), n, to.begin());
        if (how.keep) {
            return n;
        }
        received_ += n;
        in_.taken.store(received_, std::memory_order_relaxed);
        ring(in_.writer);
        return n;
    }

    [[nodiscard]] bool readable() noexcept { return in_.arrived.load(std::memory_order_relaxed) != received_; }

    [[nodiscard]] result<std::size_t> unacknowledged() noexcept {
        if (acknowledged_ != sent_ && late_acknowledgements_ != 0 && here().choose(2) == 1) {
            --late_acknowledgements_;
        } else {
            acknowledged_ = sent_;
        }
        return std::size_t{sent_ - acknowledged_};
    }

    void acknowledge_at_once() noexcept {}
    [[nodiscard]] static bool is_like_tcp() noexcept { return true; }
    // Nobody told it anything.
    [[nodiscard]] static time_point::duration send_limit() noexcept { return time_point::duration::max(); }
    [[nodiscard]] static time_point::duration receive_limit() noexcept { return time_point::duration::max(); }
    [[nodiscard]] static std::size_t take_low_water() noexcept { return 1; }
    [[nodiscard]] static bool restarts() noexcept { return true; }

    [[nodiscard]] transport_events park(int doorbell, transport_events watched, time_point deadline) noexcept {
        platform::event& own = watched.readable ? receiver_sleeps_ : sender_sleeps_;
        if (doorbell < 0) {
            own.drain();
        }
        const auto bell = static_cast<location>(doorbell < 0 ? own.fd() : doorbell);
        const transport_events already = look(bell, watched);
        if (already.readable || already.writable || already.ended || already.failed) {
            return already.writable && watched.ended ? look(nowhere, watched) : already;
        }
        here().futex_wait(bell, 0, deadline);
        return look(nowhere, watched);
    }

    [[nodiscard]] transport_events look(transport_events watched) noexcept { return look(nowhere, watched); }

    [[nodiscard]] result<void> finish_sending() noexcept {
        end_with(Flow::fin);
        return {};
    }
    [[nodiscard]] result<void> stop_receiving() noexcept { return {}; }

    void close(farewell how) noexcept {
        const bool unread = (in_.arrived.newest() & Flow::count) != received_;
        in_.nobody_reads = true;
        if (how == farewell::reset || unread) {
            truly_reset_ = true;
            in_.taken.store(received_ | Flow::reset, std::memory_order_release);
            ring(in_.writer);
            ring(in_.survivor);
            end_with(Flow::reset);
        } else {
            end_with(Flow::fin);
        }
    }

private:
    /// What there is of what is watched. If there is nothing, `bell` rings when there is.
    [[nodiscard]] transport_events look(location bell, transport_events watched) noexcept {
        transport_events seen;
        if (watched.readable || watched.ended) {
            const std::uint64_t there = in_.arrived.newest();
            seen.failed = (there & Flow::reset) != 0;
            seen.ended = there > Flow::count;
            seen.readable = watched.readable && there != received_;
            (watched.readable ? in_.reader : in_.mourner) = seen.readable || seen.ended ? nowhere : bell;
        }
        if (!watched.readable) {
            const std::uint64_t taken = out_.taken.newest();
            seen.failed = seen.failed || refused_ || taken > Flow::count;
            seen.writable = watched.writable && (seen.failed || sent_ - taken != Flow::window);
            (watched.writable ? out_.writer : out_.survivor) = seen.writable || seen.failed ? nowhere : bell;
        }
        return seen;
    }

    void end_with(std::uint64_t flag) noexcept {
        out_.arrived.store(sent_ | flag, std::memory_order_release);
        ring(out_.reader);
        ring(out_.mourner);
        call();
    }

    static void ring(location bell) noexcept {
        if (bell != nowhere) {
            here().signal(bell);
        }
    }
    void call() noexcept {
        if (out_.called) {
            here().futex_wake(out_.arrived.where());
        }
    }

    Flow& out_;
    Flow& in_;
    bool& truly_reset_;
    unsigned late_acknowledgements_;
    // For who sleeps without a doorbell.
    platform::event receiver_sleeps_;
    platform::event sender_sleeps_;
    // The sending thread's.
    std::uint64_t sent_ = 0;
    std::uint64_t acknowledged_ = 0;
    bool refused_ = false;
    // The receiving thread's.
    std::uint64_t received_ = 0;
};

}  // namespace ferrule::model
