// What no path between two processes can beat: the payload in shared memory, and nothing else done than to say that it
// is there. A message at a time, so for round trips only.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include <ferrule/config.hpp>
#include <ferrule/detail/native.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/net/doorbells.hpp>

#include "../../support/give_up.hpp"
#include "../../support/side.hpp"
#include "socket.hpp"

namespace ferrule::bench {

/// One direction: a line that says how many messages there were, and the last of them.
struct mailbox {
    alignas(cache_line) std::atomic<std::uint64_t> messages{0};
    std::atomic<std::uint32_t> closed{0};
    alignas(cache_line) std::array<std::byte, 65536> message;
};

/// Two of them.
struct mailboxes {
    mailbox to_far;
    mailbox to_near;
};

/// `Signal` says that a message was left, and waits for one.
template <class Signal>
class mailbox_end {
public:
    mailbox_end(std::shared_ptr<in_common<mailboxes>> memory, mailbox& out, mailbox& in, Signal signal) noexcept
        : memory_{std::move(memory)}, out_{&out}, in_{&in}, signal_{std::move(signal)} {}

    void send(std::span<const std::byte> bytes) {
        std::memcpy(out_->message.data(), bytes.data(), bytes.size());
        // Release → the acquire in receive(): the message.
        out_->messages.store(++sent_, std::memory_order_release);
        signal_.raise();
    }
    [[nodiscard]] std::size_t receive(std::span<std::byte> to) {
        while (in_->messages.load(std::memory_order_acquire) == received_) {
            if (in_->closed.load(std::memory_order_acquire) != 0) {
                return 0;
            }
            signal_.await();
        }
        ++received_;
        std::memcpy(to.data(), in_->message.data(), to.size());
        return to.size();
    }
    void finish_sending() {
        out_->closed.store(1, std::memory_order_release);
        signal_.raise();
    }

private:
    std::shared_ptr<in_common<mailboxes>> memory_;
    mailbox* out_;
    mailbox* in_;
    Signal signal_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

/// Nobody sleeps.
struct watching {
    static void raise() noexcept {}
    static void await() noexcept { ferrule::detail::native::pause(); }
};

/// Sleeps on what a stream sleeps on: a pipe, and the socket beside it.
class ringing {
public:
    ringing(net::doorbells bells, socket_end socket) noexcept : bells_{std::move(bells)}, socket_{socket.release()} {}

    void raise() const {
        const std::uint64_t ring = 1;
        const ::iovec bytes{const_cast<std::uint64_t*>(&ring), sizeof ring};
        (void)::pwritev2(bells_.theirs.get(), &bytes, 1, -1, RWF_NOWAIT);
    }
    void await() const {
        ::pollfd both[2] = {{bells_.mine.get(), POLLIN, 0}, {socket_.get(), POLLIN | POLLRDHUP, 0}};
        (void)::ppoll(both, 2, nullptr, nullptr);
        std::array<std::byte, 512> rings;
        (void)::read(bells_.mine.get(), rings.data(), rings.size());
    }

private:
    net::doorbells bells_;
    unique_fd socket_;
};

template <class Signal>
struct mailbox_path {
    struct both {
        mailbox_end<Signal> near;
        mailbox_end<Signal> far;
    };
    [[nodiscard]] static mailbox_end<Signal> open(mailbox_end<Signal> end) noexcept { return end; }

protected:
    [[nodiscard]] static both make(Signal near, Signal far) {
        auto memory = std::make_shared<in_common<mailboxes>>();
        mailboxes& boxes = **memory;
        return {{memory, boxes.to_far, boxes.to_near, std::move(near)},
                {memory, boxes.to_near, boxes.to_far, std::move(far)}};
    }
};

struct two_line_floor : mailbox_path<watching> {
    static constexpr const char* name = "floor, polled";
    [[nodiscard]] static both connect() { return make({}, {}); }
};

struct bell_floor : mailbox_path<ringing> {
    static constexpr const char* name = "floor, parked";
    [[nodiscard]] static both connect() {
        auto bells = net::make_doorbells();
        if (!bells) {
            give_up("pipe");
        }
        auto [near, far] = tcp<nagle::off>::connect();
        return make({std::move(bells->first), std::move(near)}, {std::move(bells->second), std::move(far)});
    }
};

}  // namespace ferrule::bench
