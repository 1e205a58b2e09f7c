// Slots and control words in memory of two processes that need not trust each other: a memfd whose size is sealed.
//
//   page of the maker     header, its announcements      writable by the maker, readable by the other
//   page of the other             its announcements      readable by the maker, writable by the other
//   slots                                                writable by the producer, readable by the consumer
//
// Nothing an end relies on is read from here twice: capacity and layout are copied when the memory is attached, cursors
// are private to their ends, and what a peer says is checked against what this process knows. A peer can stop, die, or
// write what it likes into its own page and, producing, into the slots. It cannot make this process read or write
// anything else, fault or wait for ever.
//
// The memory has no name and cannot be opened by a third party: it is handed over by its descriptor (see
// net/hand_over.hpp). A forked child does not have it: touching the ring faults there.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/config.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/mirror.hpp>
#include <ferrule/detail/sealed_memory.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/geometry.hpp>
#include <ferrule/result.hpp>
#include <ferrule/role.hpp>

namespace ferrule::inline v0::storage {

/// What the maker of a shared ring says about it. Written once, before anybody else has the descriptor.
struct shared_header {
    std::uint64_t magic;
    std::uint64_t layout;  ///< Version and arithmetic of what follows; differs where two builds do not fit together.
    std::uint64_t capacity;
    std::uint64_t element_size;
    std::uint64_t page_size;
    std::uint64_t maker;  ///< Its role.
};

/// One side's page.
struct shared_page {
    alignas(cache_line) shared_header header;
    announcement<detail::native> as_producer;
    announcement<detail::native> as_consumer;
};

static_assert(std::is_standard_layout_v<shared_page> && sizeof(shared_page) <= 4096);
static_assert(offsetof(shared_page, as_producer) == cache_line);
static_assert(offsetof(shared_page, as_consumer) == 3 * cache_line);

template <class T>
class shared {
public:
    static_assert(raw_element<T>, "ferrule: what another process shall read must be trivially copyable");

    using value_type = T;
    using geometry_type = geometry::run_time;
    static constexpr bool is_shared = true;

    /// Bytes a ring of this capacity costs: two pages, and its elements in whole pages.
    [[nodiscard]] static std::size_t footprint(std::size_t capacity) noexcept {
        const std::size_t page = detail::page_size();
        return 2 * page + (capacity * sizeof(T) + page - 1) / page * page;
    }

    /// Memory for a ring of `capacity` elements, of which this process has the end `mine`. Returns it, or the system's
    /// error; refusal::wrong_capacity unless `capacity` is a power of two.
    [[nodiscard]] static result<shared> create(std::size_t capacity, role mine) noexcept {
        if (!possible(capacity)) {
            return failed{refusal::wrong_capacity};
        }
        const auto made = detail::make_sealed_memory(footprint(capacity));
        if (!made) {
            return failed{made.error().value()};
        }
        shared memory;
        memory.fd_ = unique_fd{*made};
        if (const int why = memory.map(capacity, mine, first); why != 0) {
            return failed{why};
        }
        auto* const page = reinterpret_cast<shared_page*>(memory.mine_.data());
        page->header = {magic, layout(), capacity, sizeof(T), detail::page_size(), static_cast<std::uint64_t>(mine)};
        return memory;
    }

    /// The memory that another process made, from its descriptor `fd`, which it takes over. `mine` is the end that this
    /// process has, the other than the maker's. Whatever the descriptor is, returns the memory or says why not, and
    /// then nothing stays mapped or open.
    [[nodiscard]] static result<shared> attach(unique_fd fd, role mine) noexcept {
        const auto size = detail::size_of_sealed_memory(fd.get());
        if (!size) {
            return failed{size.error()};
        }
        const std::size_t page = detail::page_size();
        if (*size < 2 * page) {
            return failed{refusal::wrong_size};
        }
        const auto said = read_header(fd.get());
        if (!said) {
            return failed{said.error()};
        }
        if (said->magic != magic) {
            return failed{refusal::not_a_ring};
        }
        if (said->layout != layout() || said->page_size != page) {
            return failed{refusal::other_version};
        }
        if (said->element_size != sizeof(T)) {
            return failed{refusal::other_element};
        }
        if (!possible(said->capacity)) {
            return failed{refusal::wrong_capacity};
        }
        if (footprint(said->capacity) != *size) {
            return failed{refusal::wrong_size};
        }
        if (said->maker != static_cast<std::uint64_t>(other(mine))) {
            return failed{refusal::wrong_end};
        }
        shared memory;
        memory.fd_ = std::move(fd);
        if (const int why = memory.map(said->capacity, mine, second); why != 0) {
            return failed{why};
        }
        memory.fd_.reset();
        return memory;
    }

    shared() noexcept = default;

    [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(slots_.data()); }
    [[nodiscard]] geometry_type geometry() const noexcept { return geometry_; }

    /// The end this process has.
    [[nodiscard]] role mine() const noexcept { return role_; }

    /// The maker's descriptor, for the other process to attach; -1 if it was closed.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The other process has it: nobody needs it here any more.
    void close_fd() noexcept { fd_.reset(); }

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

    /// Gives back the pages of `n` slots from `cursor` on, which nobody but this process's producer may touch now.
    void discard(std::uint64_t cursor, std::size_t n) noexcept {
        if (n == geometry_.capacity()) {
            // The page in which the stream stands as well, and what is left over of the last one.
            slots_.discard(0, footprint(n) - 2 * detail::page_size());
            return;
        }
        const std::size_t in_front = geometry_.first_piece(cursor, n);
        discard_slots(geometry_.offset(cursor), in_front);
        discard_slots(0, n - in_front);
    }

    /// Only the own one can be written to.
    template <class Platform>
    [[nodiscard]] announcement<Platform>& announcement_of(role whose) noexcept {
        return *where<Platform>(whose);
    }
    template <class Platform>
    [[nodiscard]] const announcement<Platform>& announcement_of(role whose) const noexcept {
        return *where<Platform>(whose);
    }

private:
    enum position : unsigned char { first, second };

    static constexpr std::uint64_t magic = 0x72'65'6c'75'72'72'65'66;  // "ferruler"

    /// Changes with whatever two builds must agree on.
    [[nodiscard]] static constexpr std::uint64_t layout() noexcept {
        constexpr std::uint64_t version = 1;
        std::uint64_t mixed = version;
        for (const std::uint64_t fact :
             {std::uint64_t{sizeof(shared_page)}, std::uint64_t{cache_line},
              std::uint64_t{offsetof(shared_page, as_producer)}, std::uint64_t{offsetof(shared_page, as_consumer)},
              std::uint64_t{sizeof(announcement<detail::native>)}}) {
            mixed = (mixed ^ fact) * 0x100000001b3U;
        }
        return mixed << 8U | version;
    }

    [[nodiscard]] static bool possible(std::uint64_t capacity) noexcept {
        return is_capacity(capacity) && capacity <= (std::uint64_t{1} << 40U) / sizeof(T);
    }

    /// A copy: the maker may go on writing.
    [[nodiscard]] static result<shared_header> read_header(int fd) noexcept {
        const detail::mapping page{fd, 0, detail::page_size(), detail::access_right::read};
        if (!page) {
            return failed{errno};
        }
        std::array<std::uint64_t, sizeof(shared_header) / sizeof(std::uint64_t)> words{};
        for (std::size_t i = 0; i != words.size(); ++i) {
            // Volatile, so that each is read once and what is checked is what is used.
            words[i] = reinterpret_cast<const volatile std::uint64_t*>(page.data())[i];
        }
        shared_header header{};
        std::memcpy(&header, words.data(), sizeof header);
        return header;
    }

    template <class Platform>
    [[nodiscard]] announcement<Platform>* where(role whose) const noexcept {
        auto* const page = reinterpret_cast<shared_page*>((whose == role_ ? mine_ : theirs_).data());
        return whose == role::producer ? &page->as_producer : &page->as_consumer;
    }

    void discard_slots(std::size_t offset, std::size_t n) noexcept {
        const std::size_t page = detail::page_size();
        const std::size_t from = (offset * sizeof(T) + page - 1) / page * page;
        const std::size_t to = (offset + n) * sizeof(T) / page * page;
        if (from < to) {
            slots_.discard(from, to - from);
        }
    }

    /// 0, or why not.
    [[nodiscard]] int map(std::uint64_t capacity, role mine, position where) noexcept {
        using detail::access_right;
        const std::size_t page = detail::page_size();
        const std::size_t my_page = where == first ? 0 : page;
        const std::size_t their_page = where == first ? page : 0;
        mine_ = detail::mapping{fd_.get(), my_page, page, access_right::write};
        if (mine_) {
            theirs_ = detail::mapping{fd_.get(), their_page, page, access_right::read};
        }
        if (theirs_) {
            slots_ = detail::mapping{fd_.get(), 2 * page, footprint(capacity) - 2 * page,
                                     mine == role::producer ? access_right::write : access_right::read};
        }
        if (!slots_) {
            return errno;
        }
        geometry_ = geometry_type{capacity};
        role_ = mine;
        return 0;
    }

    unique_fd fd_;
    unique_fd peer_;
    detail::mapping mine_;
    detail::mapping theirs_;
    detail::mapping slots_;
    geometry_type geometry_{};
    role role_ = role::producer;
};

}  // namespace ferrule::inline v0::storage
