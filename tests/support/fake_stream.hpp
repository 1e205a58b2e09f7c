// A connection that a test holds in its hands: two endpoints, each a transport, and between them queues that behave as
// a kernel's do. What was sent arrives at once, when the other side asks, or when the test says so; any call can be
// made to fail, to move a single byte, or to find nothing to do. For one thread, which then says what happens while it
// sleeps, or for one per endpoint and direction.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ferrule/concepts.hpp>
#include <ferrule/result.hpp>

namespace ferrule::test {

/// What a transport can be asked for.
enum class operation : unsigned char {
    send,
    receive,
    readable,
    unacknowledged,
    acknowledge_at_once,
    park,
    look,
    finish_sending,
    stop_receiving,
    close,
    limit,
    low_water,
    restarts,
};
inline constexpr std::size_t operation_count = 13;

/// What may become of it.
enum class fault : unsigned char {
    none,
    refused,      ///< It fails with an errno, and the connection is none the worse. Where no errno is returned: a call
                  ///< for nothing, a readable() that turns out to be wrong, a park() that ends for no reason.
    broken,       ///< The connection ends with this errno, and the other side sees a reset.
    shortened,    ///< It moves one byte.
    would_block,  ///< Nothing can be done yet: no room, nothing arrived, nothing acknowledged.
};

/// `what` happens to the `nth` call of `where`, of both endpoints together, counted from 1.
struct fault_plan {
    fault what = fault::none;
    operation where = operation::send;
    std::size_t nth = 0;
    int with = ECONNRESET;
    bool from_then_on = false;  ///< And to all that come after it.
};

/// When what was sent arrives, and is acknowledged.
enum class delivery : unsigned char {
    at_once,
    when_asked,  ///< When the other side receives, asks whether it could, or sleeps.
    by_hand,     ///< When the test says so.
};

class fake_connection;

/// One endpoint.
class fake_stream {
public:
    using time_point = std::chrono::steady_clock::time_point;

    fake_stream(fake_connection& of, std::size_t which) noexcept : of_{&of}, me_{which} {}
    fake_stream(const fake_stream&) = delete;
    fake_stream& operator=(const fake_stream&) = delete;

    [[nodiscard]] result<std::size_t> send(ferrule::detail::pieces<const std::byte> all, send_how how) noexcept;
    [[nodiscard]] result<std::size_t> receive(ferrule::detail::pieces<std::byte> all, receive_how how) noexcept;
    [[nodiscard]] bool readable() noexcept;
    [[nodiscard]] result<std::size_t> unacknowledged() noexcept;
    void acknowledge_at_once() noexcept;
    [[nodiscard]] static bool is_like_tcp() noexcept { return true; }
    [[nodiscard]] transport_events park(int doorbell, transport_events watched, time_point deadline) noexcept;
    [[nodiscard]] transport_events look(transport_events watched) noexcept;
    [[nodiscard]] result<void> finish_sending() noexcept;
    [[nodiscard]] result<void> stop_receiving() noexcept;
    void close(farewell how) noexcept;
    [[nodiscard]] std::chrono::steady_clock::duration send_limit() noexcept;
    [[nodiscard]] std::chrono::steady_clock::duration receive_limit() noexcept { return send_limit(); }
    [[nodiscard]] std::size_t take_low_water() noexcept;
    [[nodiscard]] bool restarts() noexcept;

private:
    fake_connection* of_;
    std::size_t me_;
};

static_assert(transport<fake_stream>);

class fake_connection {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Each endpoint holds at most `send_window` bytes that were not acknowledged, and as many as `receive_window` that
    /// were not received.
    explicit fake_connection(std::size_t send_window = 64, std::size_t receive_window = 64,
                             delivery how = delivery::at_once)
        : how_{how}, flows_{flow{send_window, receive_window}, flow{send_window, receive_window}} {
        for (auto& bell : bells_) {
            bell.fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        }
    }
    fake_connection(const fake_connection&) = delete;
    fake_connection& operator=(const fake_connection&) = delete;
    ~fake_connection() {
        for (const auto& bell : bells_) {
            ::close(bell.fd);
        }
    }

    fake_stream first{*this, 0};
    fake_stream second{*this, 1};

    /// For a test of one thread: what happens while it sleeps. False if nothing will happen any more until `deadline`;
    /// for ever, if that is how long it sleeps, which ends the program.
    std::function<bool(time_point deadline)> while_asleep = nullptr;

    /// What goes wrong.
    fault_plan plan{};

    /// What the transports of both endpoints were told: how long calls may block, how many bytes they wait for, and
    /// whether a signal ends them.
    std::chrono::steady_clock::duration limit = std::chrono::steady_clock::duration::max();
    std::size_t low_water = 1;
    bool restarts = false;
    /// So many sleeps are still to be ended by a signal.
    std::size_t signals = 0;

    /// Whether the plan's call has come.
    [[nodiscard]] bool plan_was_met() const noexcept {
        const std::lock_guard lock{mutex_};
        return plan.nth != 0 && total_calls(plan.where) >= plan.nth;
    }

    /// How often one endpoint, 0 or 1, was asked for something.
    [[nodiscard]] std::size_t calls(std::size_t endpoint, operation what) const noexcept {
        const std::lock_guard lock{mutex_};
        return endpoints_[endpoint].calls[index(what)];
    }
    /// Everything one endpoint was asked for.
    [[nodiscard]] std::size_t calls(std::size_t endpoint) const noexcept {
        const std::lock_guard lock{mutex_};
        std::size_t all = 0;
        for (const std::size_t n : endpoints_[endpoint].calls) {
            all += n;
        }
        return all;
    }
    /// Whether the last send() or receive() of an endpoint was allowed to block.
    [[nodiscard]] blocking last_mode(std::size_t endpoint) const noexcept {
        const std::lock_guard lock{mutex_};
        return endpoints_[endpoint].last_mode;
    }
    /// How an endpoint was closed, if it was.
    [[nodiscard]] std::optional<farewell> closed(std::size_t endpoint) const noexcept {
        const std::lock_guard lock{mutex_};
        return endpoints_[endpoint].closed ? std::optional{endpoints_[endpoint].last_words} : std::nullopt;
    }

    /// What an endpoint has sent, up to `n` bytes of it, and its FIN after the last, arrives.
    void deliver(std::size_t endpoint, std::size_t n = ~std::size_t{0}) noexcept {
        const std::lock_guard lock{mutex_};
        arrive(endpoint, n);
    }
    /// What arrived of it is acknowledged.
    void acknowledge(std::size_t endpoint) noexcept {
        const std::lock_guard lock{mutex_};
        flows_[endpoint].unacknowledged = flows_[endpoint].in_flight.size();
        changed();
    }
    /// The connection ends as if an endpoint's process had been killed: FIN, and nobody there to say a word.
    void kill(std::size_t endpoint) noexcept {
        const std::lock_guard lock{mutex_};
        end(endpoint, farewell::orderly);
    }
    /// Both endpoints find the connection gone, and are told `why`.
    void cut(int why) noexcept {
        const std::lock_guard lock{mutex_};
        die(0, why);
        die(1, why);
    }

private:
    friend class fake_stream;

    class queue {
    public:
        explicit queue(std::size_t capacity) : slots_(capacity) {}
        [[nodiscard]] std::size_t size() const noexcept { return size_; }
        [[nodiscard]] std::size_t room() const noexcept { return slots_.size() - size_; }
        void push(std::byte value) noexcept {
            slots_[(begin_ + size_) % slots_.size()] = value;
            ++size_;
        }
        [[nodiscard]] std::byte at(std::size_t i) const noexcept { return slots_[(begin_ + i) % slots_.size()]; }
        [[nodiscard]] std::byte pop() noexcept {
            const std::byte value = slots_[begin_];
            begin_ = (begin_ + 1) % slots_.size();
            --size_;
            return value;
        }
        void clear() noexcept { size_ = 0; }

    private:
        std::vector<std::byte> slots_;
        std::size_t begin_ = 0;
        std::size_t size_ = 0;
    };

    /// One direction.
    struct flow {
        flow(std::size_t send_window, std::size_t receive_window) : in_flight{send_window}, arrived{receive_window} {}
        [[nodiscard]] std::size_t room() const noexcept {
            return in_flight.room() - (unacknowledged - in_flight.size());
        }

        queue in_flight;
        queue arrived;
        std::size_t unacknowledged = 0;
        bool fin_sent = false;
        bool fin_arrived = false;
    };

    struct party {
        int error = 0;  // Told once.
        bool deaf = false;
        bool dead = false;  // There is no connection any more.
        bool closed = false;
        farewell last_words = farewell::orderly;
        blocking last_mode = blocking::no;
        std::array<std::size_t, operation_count> calls{};
    };

    /// Somebody who sleeps: the receiving or the sending thread of an endpoint.
    struct sleeper {
        int fd = -1;
        bool wanted = false;
    };

    [[nodiscard]] static constexpr std::size_t index(operation what) noexcept { return static_cast<std::size_t>(what); }

    [[nodiscard]] std::size_t total_calls(operation what) const noexcept {
        return endpoints_[0].calls[index(what)] + endpoints_[1].calls[index(what)];
    }

    /// Counts a call; what is to become of it.
    [[nodiscard]] fault enter(std::size_t me, operation what) noexcept {
        ++endpoints_[me].calls[index(what)];
        const std::size_t n = total_calls(what);
        const bool due = plan.nth != 0 && (n == plan.nth || (plan.from_then_on && n > plan.nth));
        return plan.where == what && due ? plan.what : fault::none;
    }

    void changed() noexcept {
        for (const auto& bell : bells_) {
            if (bell.wanted) {
                ::eventfd_write(bell.fd, 1);
            }
        }
    }

    void arrive(std::size_t from, std::size_t n) noexcept {
        flow& way = flows_[from];
        const std::size_t to = 1 - from;
        if (endpoints_[to].closed) {
            if (way.in_flight.size() != 0 && n != 0) {
                die(from, flows_[to].fin_arrived ? EPIPE : ECONNRESET);
            }
            return;
        }
        const std::size_t before = way.in_flight.size();
        for (; n != 0 && way.in_flight.size() != 0 && way.arrived.room() != 0; --n) {
            way.arrived.push(way.in_flight.pop());
        }
        const bool fin = way.fin_sent && way.in_flight.size() == 0;
        if (std::exchange(way.fin_arrived, fin) != fin || way.in_flight.size() != before) {
            changed();
        }
    }
    /// As arrive(), and acknowledged.
    void flush(std::size_t from) noexcept {
        arrive(from, ~std::size_t{0});
        flows_[from].unacknowledged = flows_[from].in_flight.size();
    }
    void on_sent(std::size_t me) noexcept {
        if (how_ == delivery::at_once) {
            flush(me);
        } else {
            changed();  // Whoever sleeps asks.
        }
    }
    void on_asked(std::size_t me, fault what) noexcept {
        if (how_ == delivery::when_asked && what != fault::would_block) {
            flush(1 - me);
            // And what we sent, if the other side has nobody left to ask for it.
            if (endpoints_[1 - me].closed) {
                flush(me);
            }
        }
    }

    /// An endpoint learns that there is no connection any more.
    void die(std::size_t who, int why) noexcept {
        party& it = endpoints_[who];
        if (!it.dead && !it.closed) {
            it.error = why;
            it.dead = true;
        }
        flows_[who].in_flight.clear();
        flows_[who].unacknowledged = 0;
        changed();
    }
    void break_at(std::size_t me) noexcept {
        die(1 - me, flows_[me].fin_arrived ? EPIPE : ECONNRESET);
        die(me, plan.with);
    }
    /// The errno of a call that breaks the connection, which is then not told again.
    [[nodiscard]] failed broken_by(std::size_t me) noexcept {
        break_at(me);
        endpoints_[me].error = 0;
        return failed{plan.with};
    }

    void end(std::size_t me, farewell how) noexcept {
        party& it = endpoints_[me];
        if (it.closed) {
            return;
        }
        it.closed = true;
        it.last_words = how;
        if (it.dead) {
            return;
        }
        if (how == farewell::reset || flows_[1 - me].arrived.size() != 0) {
            flows_[me].in_flight.clear();
            die(1 - me, flows_[me].fin_arrived ? EPIPE : ECONNRESET);
            return;
        }
        flows_[me].fin_sent = true;
        on_sent(me);
    }

    [[nodiscard]] bool is_readable(std::size_t me) const noexcept {
        const flow& in = flows_[1 - me];
        const party& it = endpoints_[me];
        return in.arrived.size() != 0 || in.fin_arrived || it.deaf || it.dead;
    }

    [[nodiscard]] transport_events look(std::size_t me, transport_events watched) const noexcept {
        const flow& in = flows_[1 - me];
        const flow& out = flows_[me];
        const party& it = endpoints_[me];
        const bool gone = it.dead || (out.fin_sent && (in.fin_arrived || it.deaf));
        return {.readable = (watched.readable && is_readable(me)) || gone,
                .writable = (watched.writable && (out.room() != 0 || out.fin_sent)) || gone,
                .ended = (watched.ended || watched.readable) && (in.fin_arrived || it.deaf || it.dead),
                .failed = gone};
    }

    [[nodiscard]] static bool rang(int doorbell) noexcept {
        ::pollfd entry{doorbell, POLLIN, 0};
        return doorbell >= 0 && ::poll(&entry, 1, 0) == 1;
    }

    [[nodiscard]] transport_events sleep(std::size_t me, int doorbell, transport_events watched,
                                         time_point deadline) noexcept {
        sleeper& mine = bells_[2 * me + (watched.readable ? 0 : 1)];
        for (bool once_more = true;;) {
            {
                const std::lock_guard lock{mutex_};
                on_asked(me, fault::none);
                const transport_events seen = look(me, watched);
                mine.wanted = false;
                if (seen.readable || seen.writable || seen.ended || seen.failed || rang(doorbell) || !once_more) {
                    return seen;
                }
                ::eventfd_t count = 0;
                ::eventfd_read(mine.fd, &count);
                mine.wanted = true;
            }
            if (while_asleep) {
                once_more = while_asleep(deadline);
                if (!once_more && deadline == time_point::max()) {
                    std::fputs("a fake stream: nothing will ever end this sleep\n", stderr);
                    std::abort();
                }
            } else {
                once_more = poll(doorbell, mine.fd, deadline);
            }
        }
    }

    /// False if the deadline passed.
    [[nodiscard]] static bool poll(int doorbell, int bell, time_point deadline) noexcept {
        std::array<::pollfd, 2> entries{::pollfd{doorbell, POLLIN, 0}, ::pollfd{bell, POLLIN, 0}};
        ::timespec rest{};
        const bool bounded = deadline != time_point::max();
        if (bounded) {
            const auto left =
                std::max(std::chrono::nanoseconds{0}, std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                          deadline - std::chrono::steady_clock::now()))
                    .count();
            rest.tv_sec = left / 1'000'000'000;
            rest.tv_nsec = left % 1'000'000'000;
        }
        return ::ppoll(entries.data(), entries.size(), bounded ? &rest : nullptr, nullptr) != 0;
    }

    mutable std::mutex mutex_;
    const delivery how_;
    std::array<flow, 2> flows_;
    std::array<party, 2> endpoints_{};
    std::array<sleeper, 4> bells_{};
};

/// Of several pieces, the first.
inline result<std::size_t> fake_stream::send(ferrule::detail::pieces<const std::byte> all, send_how how) noexcept {
    std::span<const std::byte> bytes = all.front();
    const blocking may_block = how.may_block;
    auto& flow = of_->flows_[me_];
    auto& it = of_->endpoints_[me_];
    {
        const std::lock_guard lock{of_->mutex_};
        it.last_mode = may_block;
        switch (of_->enter(me_, operation::send)) {
            case fault::refused:
                return failed{of_->plan.with};
            case fault::broken:
                return of_->broken_by(me_);
            case fault::would_block:
                return failed{EAGAIN};
            case fault::shortened:
                bytes = bytes.first(std::min<std::size_t>(bytes.size(), 1));
                break;
            case fault::none:
                break;
        }
    }
    for (std::size_t sent = 0;;) {
        {
            const std::lock_guard lock{of_->mutex_};
            if (it.error != 0 && sent == 0) {
                return failed{std::exchange(it.error, 0)};
            }
            if (it.dead || flow.fin_sent) {
                return sent != 0 ? result<std::size_t>{sent} : failed{EPIPE};
            }
            const std::size_t n = std::min(bytes.size() - sent, flow.room());
            for (std::size_t i = 0; i != n; ++i) {
                flow.in_flight.push(bytes[sent + i]);
            }
            flow.unacknowledged += n;
            sent += n;
            of_->on_sent(me_);
            if (sent == bytes.size() || (may_block == blocking::no && sent != 0)) {
                return sent;
            }
            if (may_block == blocking::no) {
                return failed{EAGAIN};
            }
        }
        (void)of_->sleep(me_, -1, {.writable = true}, time_point::max());
    }
}

inline result<std::size_t> fake_stream::receive(ferrule::detail::pieces<std::byte> all, receive_how how) noexcept {
    std::span<std::byte> to = all.front();
    const blocking may_block = how.may_block;
    auto& flow = of_->flows_[1 - me_];
    auto& it = of_->endpoints_[me_];
    fault what = fault::none;
    {
        const std::lock_guard lock{of_->mutex_};
        it.last_mode = may_block;
        what = of_->enter(me_, operation::receive);
        switch (what) {
            case fault::refused:
                return failed{of_->plan.with};
            case fault::broken:
                return of_->broken_by(me_);
            case fault::shortened:
                to = to.first(std::min<std::size_t>(to.size(), 1));
                break;
            case fault::would_block:
            case fault::none:
                break;
        }
    }
    for (bool waits_for_more = false;; what = fault::none) {
        {
            const std::lock_guard lock{of_->mutex_};
            of_->on_asked(me_, what);
            const std::size_t n = std::min(to.size(), flow.arrived.size());
            waits_for_more = n != 0 && n != to.size() && may_block == blocking::yes && how.whole && !flow.fin_arrived &&
                             !it.deaf && !it.dead;
            if (waits_for_more) {
            } else if (n != 0 && how.keep) {
                for (std::size_t i = 0; i != n && !how.discard; ++i) {
                    to[i] = flow.arrived.at(i);
                }
                return n;
            } else if (n != 0) {
                for (std::size_t i = 0; i != n; ++i) {
                    const std::byte byte = flow.arrived.pop();
                    if (!how.discard) {
                        to[i] = byte;
                    }
                }
                of_->on_sent(1 - me_);  // There is room for more of it.
                of_->changed();
                return n;
            } else if (it.error != 0) {
                return failed{std::exchange(it.error, 0)};
            } else if (flow.fin_arrived || it.deaf || it.dead || to.empty()) {
                return std::size_t{0};
            } else if (may_block == blocking::no) {
                return failed{EAGAIN};
            }
        }
        if (waits_for_more) {
            (void)of_->while_asleep(
                time_point::max());  // For a test of one thread: something is there, and not enough.
        } else {
            (void)of_->sleep(me_, -1, {.readable = true}, time_point::max());
        }
    }
}

inline bool fake_stream::readable() noexcept {
    const std::lock_guard lock{of_->mutex_};
    const fault what = of_->enter(me_, operation::readable);
    if (what == fault::broken) {
        of_->break_at(me_);
    }
    of_->on_asked(me_, what);
    return what == fault::refused || of_->is_readable(me_);
}

inline result<std::size_t> fake_stream::unacknowledged() noexcept {
    const std::lock_guard lock{of_->mutex_};
    switch (of_->enter(me_, operation::unacknowledged)) {
        case fault::refused:
            return failed{of_->plan.with};
        case fault::broken:
            of_->break_at(me_);
            return failed{EINVAL};
        case fault::would_block:
            return std::max<std::size_t>(of_->flows_[me_].unacknowledged, 1);
        case fault::shortened:
        case fault::none:
            break;
    }
    return of_->flows_[me_].unacknowledged;
}

inline void fake_stream::acknowledge_at_once() noexcept {
    const std::lock_guard lock{of_->mutex_};
    if (of_->enter(me_, operation::acknowledge_at_once) == fault::broken) {
        of_->break_at(me_);
    }
}

inline transport_events fake_stream::park(int doorbell, transport_events watched, time_point deadline) noexcept {
    {
        const std::lock_guard lock{of_->mutex_};
        switch (of_->enter(me_, operation::park)) {
            case fault::refused:
            case fault::would_block:
                return {};
            case fault::broken:
                of_->break_at(me_);
                break;
            case fault::shortened:
            case fault::none:
                break;
        }
        if (of_->signals != 0) {
            --of_->signals;
            return {.interrupted = true};
        }
    }
    return of_->sleep(me_, doorbell, watched, deadline);
}

inline transport_events fake_stream::look(transport_events watched) noexcept {
    const std::lock_guard lock{of_->mutex_};
    const fault what = of_->enter(me_, operation::look);
    if (what == fault::broken) {
        of_->break_at(me_);
    }
    of_->on_asked(me_, what);
    const bool blind = what == fault::refused || what == fault::would_block;
    return blind ? transport_events{} : of_->look(me_, watched);
}

inline std::chrono::steady_clock::duration fake_stream::send_limit() noexcept {
    const std::lock_guard lock{of_->mutex_};
    if (of_->enter(me_, operation::limit) == fault::broken) {
        of_->break_at(me_);
    }
    return of_->limit;
}

inline std::size_t fake_stream::take_low_water() noexcept {
    const std::lock_guard lock{of_->mutex_};
    if (of_->enter(me_, operation::low_water) == fault::broken) {
        of_->break_at(me_);
    }
    return of_->low_water;
}

inline bool fake_stream::restarts() noexcept {
    const std::lock_guard lock{of_->mutex_};
    if (of_->enter(me_, operation::restarts) == fault::broken) {
        of_->break_at(me_);
    }
    return of_->restarts;
}

inline result<void> fake_stream::finish_sending() noexcept {
    const std::lock_guard lock{of_->mutex_};
    switch (of_->enter(me_, operation::finish_sending)) {
        case fault::refused:
        case fault::would_block:
            return failed{of_->plan.with};
        case fault::broken:
            return of_->broken_by(me_);
        case fault::shortened:
        case fault::none:
            break;
    }
    if (of_->endpoints_[me_].dead) {
        return failed{ENOTCONN};
    }
    of_->flows_[me_].fin_sent = true;
    of_->on_sent(me_);
    of_->changed();
    return {};
}

inline result<void> fake_stream::stop_receiving() noexcept {
    const std::lock_guard lock{of_->mutex_};
    switch (of_->enter(me_, operation::stop_receiving)) {
        case fault::refused:
        case fault::would_block:
            return failed{of_->plan.with};
        case fault::broken:
            return of_->broken_by(me_);
        case fault::shortened:
        case fault::none:
            break;
    }
    if (of_->endpoints_[me_].dead) {
        return failed{ENOTCONN};
    }
    of_->endpoints_[me_].deaf = true;
    of_->changed();
    return {};
}

inline void fake_stream::close(farewell how) noexcept {
    const std::lock_guard lock{of_->mutex_};
    if (of_->enter(me_, operation::close) == fault::broken) {
        of_->break_at(me_);
    }
    of_->end(me_, how);
}

}  // namespace ferrule::test
