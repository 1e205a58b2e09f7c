// Slots and control words in memory of two processes that need not trust each other: a memfd whose size is sealed
// (storage/shared_region.hpp says what lies where).
//
// Nothing an end relies on is read from there twice: capacity and layout are copied when the memory is attached,
// cursors are private to their ends, and what a peer says is checked against what this process knows. A peer can stop,
// die, or write what it likes into its own page and, producing, into the slots. It cannot make this process read or
// write anything else, fault or wait for ever.
//
// The memory has no name and cannot be opened by a third party: it is handed over by its descriptor (see
// net/hand_over.hpp). A forked child does not have it: touching the ring faults there.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include <ferrule/fd.hpp>
#include <ferrule/result.hpp>
#include <ferrule/role.hpp>
#include <ferrule/storage/shared_part.hpp>
#include <ferrule/storage/shared_region.hpp>

namespace ferrule::inline v0::storage {

template <class T>
class shared : public shared_part<T> {
    using part = shared_part<T>;

public:
    /// Bytes a ring of this capacity costs: two pages, and its elements in whole pages.
    [[nodiscard]] static std::size_t footprint(std::size_t capacity) noexcept {
        return shared_region::footprint(part::bytes(capacity));
    }

    /// Memory for a ring of `capacity` elements, of which this process has the end `mine`. Returns it, or the system's
    /// error; refusal::wrong_capacity unless `capacity` is a power of two.
    [[nodiscard]] static result<shared> create(std::size_t capacity, role mine) noexcept {
        if (!part::is_possible(capacity)) {
            return failed{refusal::wrong_capacity};
        }
        const shared_region::part slots[] = {part::part(capacity, mine)};
        return whole(shared_region::create(header(capacity, mine), slots), capacity, mine);
    }

    /// The memory that another process made, from its descriptor `fd`, which it takes over. `mine` is the end that this
    /// process has, the other than the maker's. Whatever the descriptor is, returns the memory or says why not, and
    /// then nothing stays mapped or open.
    [[nodiscard]] static result<shared> attach(unique_fd fd, role mine) noexcept {
        const auto found = shared_region::inspect(fd.get(), header(0, mine));
        if (!found) {
            return failed{found.error()};
        }
        if (!part::is_possible(found->capacity)) {
            return failed{refusal::wrong_capacity};
        }
        if (footprint(found->capacity) != found->bytes) {
            return failed{refusal::wrong_size};
        }
        if (found->maker != static_cast<std::uint64_t>(other(mine))) {
            return failed{refusal::wrong_end};
        }
        const shared_region::part slots[] = {part::part(found->capacity, mine)};
        return whole(shared_region::attach(std::move(fd), slots), found->capacity, mine);
    }

    shared() noexcept = default;

    /// The maker's descriptor, for the other process to attach; -1 if it was closed.
    [[nodiscard]] int fd() const noexcept { return region_.fd(); }
    /// The other process has it: nobody needs it here any more.
    void close_fd() noexcept { region_.close_fd(); }

    /// `fd` tells when the other process is gone, by becoming readable or hanging up: a pidfd, or a socket that only
    /// that process has the other end of. Waits end then. Without one they do not notice a peer that dies.
    void watch_peer(unique_fd fd) noexcept { peer_ = std::move(fd); }
    /// That descriptor; -1 without one.
    [[nodiscard]] int peer_life() const noexcept { return peer_.get(); }
    [[nodiscard]] bool peer_is_gone() const noexcept {
        if (!peer_) {
            return false;
        }
        ::pollfd entry{peer_.get(), POLLIN | POLLRDHUP, 0};
        return ::poll(&entry, 1, 0) > 0;
    }

private:
    [[nodiscard]] static shared_header header(std::size_t capacity, role maker) noexcept {
        constexpr std::uint64_t magic = 0x72'65'6c'75'72'72'65'66;  // "ferruler"
        return {magic,     shared_region::layout({}), capacity,
                sizeof(T), detail::page_size(),       static_cast<std::uint64_t>(maker)};
    }

    [[nodiscard]] static result<shared> whole(result<shared_region> region, std::size_t capacity, role mine) noexcept {
        if (!region) {
            return failed{region.error()};
        }
        shared memory;
        memory.region_ = std::move(*region);
        static_cast<part&>(memory) = part{memory.region_, 0, capacity, mine};
        return memory;
    }

    shared_region region_;
    unique_fd peer_;
};

}  // namespace ferrule::inline v0::storage
