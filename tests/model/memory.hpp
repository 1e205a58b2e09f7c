// The memory model: a promise-free view machine, which is RC11 without load buffering.
//
// A location is a list of messages in modification order. A load may read every message that is not older than what
// its thread has seen; a store may go behind every such message; a read-modify-write goes right behind the message it
// read, and nothing comes between the two later. A sequentially consistent access is a fence and an access.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "view.hpp"

namespace ferrule::model {

using location = unsigned;

class memory {
public:
    /// Forgets everything. `threads` counts the one that runs before and after the others.
    void reset(unsigned threads);

    /// A new location. Returns `max_locations` if there are too many.
    [[nodiscard]] location create(std::uint64_t value);

    /// How many messages a load by `thread` may read.
    [[nodiscard]] unsigned readable(unsigned thread, location where) const noexcept;
    /// Reads one of them: 0 is the newest.
    std::uint64_t load(unsigned thread, location where, unsigned choice, std::memory_order order) noexcept;

    /// How many places a store by `thread` may take, or how many messages a read-modify-write may read.
    [[nodiscard]] unsigned places(unsigned thread, location where) const noexcept;
    /// Stores at one of them: 0 is the end.
    void store(unsigned thread, location where, std::uint64_t value, unsigned choice, std::memory_order order);
    std::uint64_t exchange(unsigned thread, location where, std::uint64_t value, unsigned choice,
                           std::memory_order order);

    void fence(unsigned thread, std::memory_order order) noexcept;
    /// `thread` waits for its turn to store: the earliest point to which a load behind that store may be moved.
    void about_to_store(unsigned thread) noexcept;
    /// What a compiler may do where nothing forbids it: the next load of `thread` moves before its last store.
    void move_next_load_up(unsigned thread) noexcept { of(thread).next_load_is_early = true; }
    /// As if every thread fenced where it stands, between two fences of the caller's. Nobody but the caller learns more
    /// from it than from any order of those fences.
    void fence_everybody(unsigned thread) noexcept;

    /// `thread` begins or goes on after everything that `earlier` did.
    void follow(unsigned thread, unsigned earlier) noexcept;
    /// `thread` leaves all it knows to the view of a lock, or takes it over from there.
    void leave_to(view& lock, unsigned thread) noexcept;
    void take_from(const view& lock, unsigned thread) noexcept { of(thread).current.join(lock); }

    /// `thread` will not read anything older than what is there now.
    void catch_up(unsigned thread, location where) noexcept { of(thread).current.seen[where] = newest(where); }

    [[nodiscard]] timestamp newest(location where) const noexcept { return words_[where].back().at; }
    /// The oldest message that `thread` may read.
    [[nodiscard]] timestamp seen(unsigned thread, location where) const noexcept {
        const knowledge& self = threads_[thread];
        return (self.next_load_is_early ? self.before_its_store : self.current).seen[where];
    }
    [[nodiscard]] const view& knows(unsigned thread) const noexcept { return threads_[thread].current; }

private:
    struct message {
        timestamp at;
        bool glued;  ///< Written by a read-modify-write that read the message before it.
        std::uint64_t value;
        view shows;
    };
    struct knowledge {
        view current;   ///< What its next access is bound by.
        view acquired;  ///< What an acquire fence would add.
        view released;  ///< What the last release fence gave to all later stores.
        view before_its_store;
        bool next_load_is_early = false;
    };

    knowledge& of(unsigned thread) noexcept { return threads_[thread]; }
    /// The index of the `choice`-th message, from the end, behind which `thread` may put another.
    [[nodiscard]] std::size_t place(unsigned thread, location where, unsigned choice) const noexcept;
    message& insert(location where, std::size_t behind);
    void publish(unsigned thread, location where, message& sent, std::memory_order order) noexcept;
    void read(unsigned thread, location where, const message& from, std::memory_order order) noexcept;

    std::array<std::vector<message>, max_locations> words_;
    unsigned words_used_ = 0;
    std::array<knowledge, max_threads> threads_;
    unsigned threads_used_ = 0;
    view agreed_;  ///< What sequentially consistent fences have seen.
};

}  // namespace ferrule::model
