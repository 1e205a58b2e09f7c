// Several threads in one direction of an endpoint, where the guard lets them. One at a time may wait there, for bytes,
// for room, or in the kernel; the others do what can be done at once, and stand in line.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::splice {

/// Behind whoever waits. Every call of it is made with the guard entered.
template <class GuardState>
class line {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit line(GuardState& guard) noexcept : guard_{&guard} {}

    [[nodiscard]] bool is_taken() const noexcept { return taken_; }
    /// True if whoever has the first place has left the guard in order to sleep.
    [[nodiscard]] bool is_asleep() const noexcept { return asleep_; }

    /// The first place in it, for as long as this lives.
    class first {
    public:
        explicit first(line& of) noexcept : of_{of} { of.taken_ = true; }
        first(const first&) = delete;
        first& operator=(const first&) = delete;
        ~first() {
            of_.taken_ = false;
            of_.moved_.notify_all();
        }

    private:
        line& of_;
    };

    /// Waits until the first place is free; false if it was not until then.
    [[nodiscard]] bool wait(time_point until) noexcept {
        unlocked here{guard_};
        while (taken_) {
            if (until == time_point::max()) {
                moved_.wait(here);
            } else if (moved_.wait_until(here, until) == std::cv_status::timeout) {
                return !taken_;
            }
        }
        return true;
    }

    /// Lets the others in while `sleep()` does.
    template <class Sleep>
    auto outside(Sleep sleep) noexcept {
        asleep_ = true;
        guard_->idle();
        auto outcome = sleep();
        guard_->resume();
        asleep_ = false;
        return outcome;
    }

private:
    struct unlocked {
        GuardState* guard;
        void lock() noexcept { guard->resume(); }
        void unlock() noexcept { guard->idle(); }
    };

    GuardState* guard_;
    bool taken_ = false;
    bool asleep_ = false;
    std::condition_variable_any moved_;
};

/// A transport as one direction sees it that several threads call: who sleeps in it lets the others in.
template <transport Transport, class Line>
class left_while_asleep {
public:
    using time_point = std::chrono::steady_clock::time_point;

    left_while_asleep(Transport& tcp, Line& among) noexcept : tcp_{&tcp}, among_{&among} {}

    [[nodiscard]] result<std::size_t> send(detail::pieces<const std::byte> bytes, send_how how) noexcept {
        return how.may_block == blocking::no ? tcp_->send(bytes, how)
                                             : among_->outside([&]() noexcept { return tcp_->send(bytes, how); });
    }
    [[nodiscard]] result<std::size_t> receive(detail::pieces<std::byte> to, receive_how how) noexcept {
        return how.may_block == blocking::no ? tcp_->receive(to, how)
                                             : among_->outside([&]() noexcept { return tcp_->receive(to, how); });
    }
    [[nodiscard]] transport_events park(int doorbell, transport_events watched, time_point deadline) noexcept {
        auto seen = among_->outside([&]() noexcept { return tcp_->park(doorbell, watched, deadline); });
        if (watched.readable) {
            // Others may have received it, and what TCP has now may come behind what the ring has.
            seen.readable = seen.failed = false;
        }
        return seen;
    }

    [[nodiscard]] transport_events look(transport_events watched) noexcept { return tcp_->look(watched); }
    [[nodiscard]] bool readable() noexcept { return tcp_->readable(); }
    [[nodiscard]] result<std::size_t> unacknowledged() noexcept { return tcp_->unacknowledged(); }
    void acknowledge_at_once() noexcept { tcp_->acknowledge_at_once(); }
    [[nodiscard]] result<void> finish_sending() noexcept { return tcp_->finish_sending(); }
    [[nodiscard]] result<void> stop_receiving() noexcept { return tcp_->stop_receiving(); }
    void close(farewell how) noexcept { tcp_->close(how); }
    [[nodiscard]] bool is_like_tcp() noexcept { return tcp_->is_like_tcp(); }
    [[nodiscard]] std::chrono::steady_clock::duration send_limit() noexcept { return tcp_->send_limit(); }
    [[nodiscard]] std::chrono::steady_clock::duration receive_limit() noexcept { return tcp_->receive_limit(); }
    [[nodiscard]] std::size_t take_low_water() noexcept { return tcp_->take_low_water(); }
    [[nodiscard]] bool restarts() noexcept { return tcp_->restarts(); }

private:
    Transport* tcp_;
    Line* among_;
};

/// One direction's guard, and the transport as that direction sees it.
template <class Guard, class Platform, transport Transport>
struct direction {
    using guard_state = typename Guard::template state<Platform>;
    using transport_type = Transport;

    explicit direction(Transport& tcp) noexcept : transport{&tcp} {}

    guard_state guard;
    transport_type* transport;
};
template <class Guard, class Platform, transport Transport>
    requires(Guard::many_threads)
struct direction<Guard, Platform, Transport> {
    using guard_state = typename Guard::template state<Platform>;
    using transport_type = left_while_asleep<Transport, line<guard_state>>;

    explicit direction(Transport& tcp) noexcept : among{guard}, shared{tcp, among} {}
    direction(const direction&) = delete;
    direction& operator=(const direction&) = delete;

    guard_state guard;
    line<guard_state> among;
    transport_type shared;
    transport_type* transport = &shared;
};

}  // namespace ferrule::inline v0::splice
