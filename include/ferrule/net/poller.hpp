// One descriptor for all that can happen to a stream: an epoll instance that holds the socket, the doorbells of both
// rings, a lamp for what no bell rings for, and a timer for a ring that is full for too long. It is readable exactly
// while something is that the owner wants to know of; what that is, and which of them shows it, is said here after
// every call. Knows neither rings nor channels.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include <ferrule/fd.hpp>
#include <ferrule/net/turn.hpp>
#include <ferrule/splice/prospects.hpp>

namespace ferrule::inline v0::net {

class poller {
    using time_point = std::chrono::steady_clock::time_point;

public:
    enum direction : unsigned char { receiving, sending };

    /// Watches `tcp`, which outlives it. Nothing, and errno, if there are no descriptors or no memory to be had.
    [[nodiscard]] static std::unique_ptr<poller> make(int tcp, std::uint32_t wanted) noexcept {
        std::unique_ptr<poller> made{new (std::nothrow) poller{tcp, wanted}};
        if (!made) {
            errno = ENOMEM;
        }
        return made && made->is_whole_ ? std::move(made) : nullptr;
    }
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;

    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }

    /// Who may look at a direction, and say what was seen by settle().
    [[nodiscard]] turn& turn_of(direction which) noexcept { return turns_[which]; }

    /// Any thread. Takes effect with the settle()s that follow.
    void want(std::uint32_t events) noexcept {
        wanted_.store(events, std::memory_order_seq_cst);
        const std::lock_guard lock{mutex_};
        hung_up_ = false;
    }
    [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_.load(std::memory_order_seq_cst); }
    [[nodiscard]] bool wants(direction which) const noexcept {
        return (wanted() & (which == receiving ? EPOLLIN : EPOLLOUT)) != 0;
    }

    /// What was found in a direction, and the bell that rings for it. Whose turn it is there.
    void settle(direction which, const splice::prospects& found, int bell) noexcept {
        const std::lock_guard lock{mutex_};
        found_[which] = found;
        const bool counts = wants(which);
        const bool rings = watch_bell(which, bell, counts && found.rings);
        light(which, counts && found.now && !rings);
        if (which == sending) {
            set_timer(counts && !found.now && !found.by_tcp ? found.tcp_from : time_point::max());
        }
        watch_tcp();
    }

    /// What holds, of all that can be asked for, with these prospects over this socket.
    [[nodiscard]] static std::uint32_t events_of(int tcp, const splice::prospects& in,
                                                 const splice::prospects& out) noexcept {
        ::pollfd entry{tcp, POLLIN | POLLOUT | POLLRDHUP, 0};
        (void)::poll(&entry, 1, 0);
        const auto seen = static_cast<std::uint32_t>(static_cast<unsigned short>(entry.revents));
        // A send over a connection that failed has that to tell, whatever there is room for.
        const bool by_tcp = out.by_tcp || (seen & (EPOLLHUP | EPOLLERR)) != 0;
        return (seen & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) | (in.now ? EPOLLIN : 0U) |
               (out.now ? EPOLLOUT : 0U) | (by_tcp ? seen & EPOLLOUT : 0U) |
               ((seen & EPOLLHUP) != 0 && in.was_reset ? EPOLLERR : 0U);
    }

    /// What holds as far as settle() was told. Any thread.
    [[nodiscard]] std::uint32_t ready() noexcept {
        const std::lock_guard lock{mutex_};
        const std::uint32_t seen = events_of(tcp_, found_[receiving], found_[sending]);
        // epoll shows a hang-up whether or not it is wanted, and it does not go away.
        hung_up_ = (seen & EPOLLHUP) != 0 && (seen & wanted()) == 0;
        watch_tcp();
        return seen;
    }

    /// The doorbells are about to be closed.
    void forget_bells() noexcept {
        const std::lock_guard lock{mutex_};
        for (const auto which : {receiving, sending}) {
            (void)watch_bell(which, bells_[which], false);
            found_[which] = {.by_tcp = true};
            light(which, false);
        }
        set_timer(time_point::max());
        watch_tcp();
    }

private:
    poller(int tcp, std::uint32_t wanted) noexcept
        : tcp_{tcp}, wanted_{wanted}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
        lamp_ = unique_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        timer_ = unique_fd{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
        if (epoll_ && lamp_ && timer_ && add(lamp_.get(), EPOLLIN) && add(timer_.get(), EPOLLIN)) {
            watch_tcp();
            is_whole_ = wanted == 0 || tcp_events_;
        }
    }

    [[nodiscard]] bool add(int fd, std::uint32_t events) const noexcept { return control(EPOLL_CTL_ADD, fd, events); }
    [[nodiscard]] bool control(int how, int fd, std::uint32_t events) const noexcept {
        ::epoll_event what{};
        what.events = events;
        return ::epoll_ctl(epoll_.get(), how, fd, &what) == 0;
    }

    /// Whether the bell shows from now on that it rang.
    [[nodiscard]] bool watch_bell(direction which, int bell, bool on) noexcept {
        int& watched = bells_[which];
        if (watched >= 0 && (!on || watched != bell)) {
            // Not only muted: a pipe whose other end is gone shows that in any case.
            (void)control(EPOLL_CTL_DEL, watched, 0);
            watched = -1;
        }
        if (on && watched < 0 && add(bell, EPOLLIN)) {
            watched = bell;
        }
        deaf_[which] = on && watched < 0;
        return watched >= 0;
    }

    /// Shows what no bell shows; also, rather than nothing at all, that a bell cannot be watched.
    void light(direction which, bool on) noexcept {
        const bool was_lit = lit_[receiving] || lit_[sending];
        const bool lights_up = (on || deaf_[which]) && !lit_[which];
        lit_[which] = on || deaf_[which];
        if (lights_up) {
            (void)::eventfd_write(lamp_.get(), 1);
        } else if (was_lit && !lit_[receiving] && !lit_[sending]) {
            put_out();
        }
    }
    void put_out() noexcept {
        ::eventfd_t count = 0;
        (void)::eventfd_read(lamp_.get(), &count);
    }

    /// Lets an edge-triggered program look once more: changing what is watched of a descriptor does not, if epoll holds
    /// it for ready already, rightly or not.
    void flicker() noexcept {
        (void)::eventfd_write(lamp_.get(), 1);
        if (!lit_[receiving] && !lit_[sending]) {
            put_out();
        }
    }

    void set_timer(time_point at) noexcept {
        if (at == timer_is_set_to_) {
            return;
        }
        timer_is_set_to_ = at;
        ::itimerspec when{};
        if (at != time_point::max()) {
            const auto since_boot = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
            when.it_value.tv_sec = since_boot / 1'000'000'000;
            when.it_value.tv_nsec = since_boot % 1'000'000'000;
        }
        (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    }

    void watch_tcp() noexcept {
        const std::uint32_t wanted = this->wanted();
        std::optional<std::uint32_t> events;
        if (wanted != 0 && !hung_up_) {
            const auto& sends = found_[sending];
            const bool may_send = (wanted & EPOLLOUT) != 0;
            events = (wanted & (EPOLLIN | EPOLLRDHUP)) | (may_send && sends.by_tcp && !sends.now ? EPOLLOUT : 0U) |
                     (may_send && sends.end_is_news && !sends.now ? EPOLLRDHUP : 0U);
        }
        if (events == tcp_events_) {
            return;
        }
        const bool done = !events ? control(EPOLL_CTL_DEL, tcp_, 0)
                                  : control(tcp_events_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, tcp_, *events);
        if (!done) {
            return;
        }
        const bool more = events && (*events & ~tcp_events_.value_or(0)) != 0;
        tcp_events_ = events;
        if (more) {
            flicker();
        }
    }

    const int tcp_;
    std::atomic<std::uint32_t> wanted_;
    std::array<turn, 2> turns_;

    // What follows is the mutex's, behind the making.
    std::mutex mutex_;
    unique_fd epoll_;
    unique_fd lamp_;
    unique_fd timer_;
    std::array<splice::prospects, 2> found_{splice::prospects{.by_tcp = true}, splice::prospects{.by_tcp = true}};
    std::array<int, 2> bells_{-1, -1};  // Those in the epoll instance.
    std::array<bool, 2> deaf_{};        // A bell could not be put there.
    std::array<bool, 2> lit_{};         // Why the lamp is lit.
    std::optional<std::uint32_t> tcp_events_;
    time_point timer_is_set_to_ = time_point::max();
    bool hung_up_ = false;
    bool is_whole_ = false;
};

}  // namespace ferrule::inline v0::net
