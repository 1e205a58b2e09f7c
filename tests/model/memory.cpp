#include "memory.hpp"

#include <algorithm>
#include <cstdlib>

namespace ferrule::model {
namespace {

// Room between two messages for those that are stored there later.
constexpr timestamp gap = 1U << 12U;

constexpr bool acquires(std::memory_order order) noexcept {
    return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}
constexpr bool releases(std::memory_order order) noexcept {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

}  // namespace

void memory::reset(unsigned threads) {
    for (unsigned i = 0; i != words_used_; ++i) {
        words_[i].clear();
    }
    words_used_ = 0;
    threads_used_ = threads;
    agreed_ = {};
    for (unsigned i = 0; i != threads; ++i) {
        threads_[i] = {};
        threads_[i].current.clock[i] = 1;
    }
}

location memory::create(std::uint64_t value) {
    if (words_used_ == max_locations) {
        return max_locations;
    }
    words_[words_used_].push_back({0, false, value, {}});
    locations_used = words_used_ + 1;
    return words_used_++;
}

unsigned memory::readable(unsigned thread, location where) const noexcept {
    const auto& messages = words_[where];
    unsigned count = 0;
    for (std::size_t i = messages.size(); i != 0 && messages[i - 1].at >= seen(thread, where); --i) {
        ++count;
    }
    return count;
}

unsigned memory::places(unsigned thread, location where) const noexcept {
    const auto& messages = words_[where];
    unsigned count = 0;
    for (std::size_t i = messages.size(); i != 0 && messages[i - 1].at >= seen(thread, where); --i) {
        count += i == messages.size() || !messages[i].glued ? 1U : 0U;
    }
    return count;
}

std::size_t memory::place(unsigned thread, location where, unsigned choice) const noexcept {
    const auto& messages = words_[where];
    for (std::size_t i = messages.size(); i != 0 && messages[i - 1].at >= seen(thread, where); --i) {
        if (i != messages.size() && messages[i].glued) {
            continue;
        }
        if (choice == 0) {
            return i - 1;
        }
        --choice;
    }
    std::abort();
}

memory::message& memory::insert(location where, std::size_t behind) {
    auto& messages = words_[where];
    const timestamp before = messages[behind].at;
    const bool last = behind + 1 == messages.size();
    const timestamp at = last ? before + gap : before + (messages[behind + 1].at - before) / 2;
    if (at == before) {
        std::abort();  // More stores into one gap than a program of this size makes.
    }
    return *messages.insert(messages.begin() + static_cast<std::ptrdiff_t>(behind) + 1, {at, false, 0, {}});
}

void memory::read(unsigned thread, location where, const message& from, std::memory_order order) noexcept {
    knowledge& self = of(thread);
    self.next_load_is_early = false;
    self.current.seen[where] = std::max(self.current.seen[where], from.at);
    self.acquired.join(from.shows);
    if (acquires(order)) {
        self.current.join(from.shows);
    }
}

void memory::publish(unsigned thread, location where, message& sent, std::memory_order order) noexcept {
    knowledge& self = of(thread);
    self.next_load_is_early = false;
    self.current.seen[where] = sent.at;
    sent.shows.join(releases(order) ? self.current : self.released);
    sent.shows.seen[where] = sent.at;
    // What this thread does from now on is not part of what it just released.
    ++self.current.clock[thread];
}

std::uint64_t memory::load(unsigned thread, location where, unsigned choice, std::memory_order order) noexcept {
    if (order == std::memory_order_seq_cst) {
        fence(thread, order);
    }
    const message& from = words_[where][words_[where].size() - 1 - choice];
    read(thread, where, from, order);
    return from.value;
}

void memory::store(unsigned thread, location where, std::uint64_t value, unsigned choice, std::memory_order order) {
    if (order == std::memory_order_seq_cst) {
        fence(thread, order);
    }
    message& sent = insert(where, place(thread, where, choice));
    sent.value = value;
    publish(thread, where, sent, order);
}

std::uint64_t memory::exchange(unsigned thread, location where, std::uint64_t value, unsigned choice,
                               std::memory_order order) {
    if (order == std::memory_order_seq_cst) {
        fence(thread, order);
    }
    const std::size_t index = place(thread, where, choice);
    read(thread, where, words_[where][index], order);
    message& sent = insert(where, index);
    sent.glued = true;
    sent.value = value;
    sent.shows = words_[where][index].shows;  // It continues the release sequence it read from.
    publish(thread, where, sent, order);
    return words_[where][index].value;
}

void memory::fence(unsigned thread, std::memory_order order) noexcept {
    knowledge& self = of(thread);
    if (acquires(order)) {
        self.current.join(self.acquired);
    }
    if (order == std::memory_order_seq_cst) {
        self.current.join_seen(agreed_);
        agreed_.join_seen(self.current);
    }
    if (releases(order)) {
        self.released = self.current;
        ++self.current.clock[thread];
    }
}

void memory::about_to_store(unsigned thread) noexcept {
    of(thread).before_its_store = of(thread).current;
    of(thread).next_load_is_early = false;
}

void memory::fence_everybody(unsigned thread) noexcept {
    fence(thread, std::memory_order_seq_cst);
    const view before = agreed_;
    for (unsigned other = 0; other != threads_used_; ++other) {
        if (other != thread) {
            knowledge& peer = of(other);
            peer.current.join(peer.acquired);
            peer.current.join_seen(before);
            peer.released = peer.current;
            ++peer.current.clock[other];
            agreed_.join_seen(peer.current);
        }
    }
    fence(thread, std::memory_order_seq_cst);
}

void memory::follow(unsigned thread, unsigned earlier) noexcept {
    of(thread).current.join(of(earlier).current);
    ++of(earlier).current.clock[earlier];
}

void memory::leave_to(view& lock, unsigned thread) noexcept {
    lock.join(of(thread).current);
    ++of(thread).current.clock[thread];
}

}  // namespace ferrule::model
