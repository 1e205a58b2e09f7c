// The rings of a connection whose two ends are in different processes. One of them makes the memory and the bells, and
// hands the other its half, as descriptors: inherited, or sent over an AF_UNIX socket (net/hand_over.hpp). Each gives
// its half to its stream, which begins to use it in mid-stream, when both ends do.
//
//   auto made = net::shared_joint::make(1 << 18);                     here
//   net::send_descriptors(channel, made->there.descriptors());
//   stream.join(std::move(made->here));
//
//   auto received = net::receive_descriptors<5>(channel);             there
//   auto half = net::shared_joint::attach(net::joint_half::of(std::move(*received)));
//   stream.join(std::move(*half));
//
// The other process need not be trusted: see storage/shared.hpp for what it can do and what not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <ferrule/fd.hpp>
#include <ferrule/net/doorbells.hpp>
#include <ferrule/presets.hpp>
#include <ferrule/result.hpp>
#include <ferrule/role.hpp>
#include <ferrule/splice/joint.hpp>
#include <ferrule/splice/ledger.hpp>
#include <ferrule/storage/shared_part.hpp>
#include <ferrule/storage/shared_region.hpp>
#include <ferrule/waiter/doorbell.hpp>

namespace ferrule::inline v0::net {

/// The other half of a joint, on its way: five descriptors, and which is which.
struct joint_half {
    static constexpr std::size_t count = 5;

    unique_fd memory;
    doorbells out;  ///< Of the ring its owner writes.
    doorbells in;   ///< Of the ring it reads.

    /// In the order in which of() wants them. Still this half's.
    [[nodiscard]] std::array<int, count> descriptors() const noexcept {
        return {memory.get(), out.mine.get(), out.theirs.get(), in.mine.get(), in.theirs.get()};
    }
    /// The half that arrived as these descriptors.
    [[nodiscard]] static joint_half of(std::array<unique_fd, count> fds) noexcept {
        return {std::move(fds[0]), {std::move(fds[1]), std::move(fds[2])}, {std::move(fds[3]), std::move(fds[4])}};
    }
};

/// One process's half of a joint.
class shared_joint {
public:
    using ring = basic_ring<storage::shared_part<std::byte>, waiter::doorbell>;

    struct offer;

    /// A new one, with rings of `capacity` bytes, a power of two: both halves, or the system's error, or
    /// refusal::wrong_capacity.
    [[nodiscard]] static result<offer> make(std::size_t capacity) noexcept;

    /// The half that another process made. Whatever the descriptors are, returns the joint or says why not, and then
    /// nothing stays mapped or open.
    [[nodiscard]] static result<shared_joint> attach(joint_half half) noexcept {
        const auto found = storage::shared_region::inspect(half.memory.get(), header(0));
        if (!found) {
            return failed{found.error()};
        }
        if (found->maker != static_cast<std::uint64_t>(splice::side::first)) {
            return failed{refusal::wrong_end};
        }
        if (!part::is_possible(found->capacity)) {
            return failed{refusal::wrong_capacity};
        }
        if (footprint(found->capacity) != found->bytes) {
            return failed{refusal::wrong_size};
        }
        if (!are_ends_of_pipes<2>({&half.out, &half.in})) {
            return failed{refusal::wrong_doorbells};
        }
        const auto parts = parts_of(found->capacity, splice::side::second);
        auto region = storage::shared_region::attach(std::move(half.memory), parts);
        return whole(std::move(region), found->capacity, splice::side::second, std::move(half.out), std::move(half.in));
    }

    /// Bytes of memory a joint of this capacity costs, at most: two pages, and both rings.
    [[nodiscard]] static std::size_t footprint(std::size_t capacity) noexcept {
        return storage::shared_region::footprint(2 * part::bytes(capacity));
    }

    shared_joint() noexcept = default;

    [[nodiscard]] explicit operator bool() const noexcept { return rings_ != nullptr; }

    /// For a forked child, whose copies keep the other process from seeing that its parent is gone. Nothing else of it
    /// may be touched there, and nothing of it used afterwards.
    void close_descriptors() noexcept {
        region_.close_fd();
        out_ = {};
        in_ = {};
    }

    /// This process's place at it. Requires a joint.
    [[nodiscard]] splice::seat<ring> seat() const noexcept {
        return {&rings_->out, &rings_->in, &region_.mine<page>().words, &region_.theirs<page>().words};
    }

private:
    using part = storage::shared_part<std::byte>;

    /// What one side says about both rings, and about the connection.
    struct page {
        storage::shared_page rings;
        splice::side_words<ferrule::detail::native> words;
    };
    static_assert(sizeof(page) <= 4096);

    struct both {
        ring out;
        ring in;
    };

    [[nodiscard]] static storage::shared_header header(std::size_t capacity) noexcept {
        constexpr std::uint64_t magic = 0x74'6e'69'6f'6a'72'65'66;  // "ferjoint"
        return {magic,
                storage::shared_region::layout({sizeof(page), offsetof(page, words)}),
                capacity,
                1,
                ferrule::detail::page_size(),
                static_cast<std::uint64_t>(splice::side::first)};
    }

    /// First what the first side writes.
    [[nodiscard]] static std::array<storage::shared_region::part, 2> parts_of(std::size_t capacity,
                                                                              splice::side which) noexcept {
        const auto mine = part::part(capacity, role::producer);
        const auto theirs = part::part(capacity, role::consumer);
        return which == splice::side::first ? std::array{mine, theirs} : std::array{theirs, mine};
    }

    [[nodiscard]] static result<shared_joint> whole(result<storage::shared_region> region, std::size_t capacity,
                                                    splice::side which, doorbells out, doorbells in) noexcept {
        if (!region) {
            return failed{region.error()};
        }
        shared_joint joint;
        joint.region_ = std::move(*region);
        joint.out_ = std::move(out);
        joint.in_ = std::move(in);
        const std::size_t my_part = which == splice::side::first ? 0 : 1;
        joint.rings_.reset(new (std::nothrow) both{
            ring{part{joint.region_, my_part, capacity, role::producer}, joint.out_.waiter()},
            ring{part{joint.region_, 1 - my_part, capacity, role::consumer}, joint.in_.waiter()}});
        if (!joint.rings_) {
            return failed{ENOMEM};
        }
        return joint;
    }

    storage::shared_region region_;
    doorbells out_;
    doorbells in_;
    std::unique_ptr<both> rings_;
};

/// A new joint: the half of this process, and the one that is for the other. As long as this process keeps a copy of
/// the other's, that process does not seem to be gone when it is: hand it over, and let it die.
struct shared_joint::offer {
    shared_joint here;
    joint_half there;
};

inline result<shared_joint::offer> shared_joint::make(std::size_t capacity) noexcept {
    if (!part::is_possible(capacity)) {
        return failed{refusal::wrong_capacity};
    }
    auto bells_of_first = make_doorbells();
    if (!bells_of_first) {
        return failed{bells_of_first.error()};
    }
    auto bells_of_second = make_doorbells();
    if (!bells_of_second) {
        return failed{bells_of_second.error()};
    }
    constexpr auto which = splice::side::first;
    auto joint = whole(storage::shared_region::create(header(capacity), parts_of(capacity, which)), capacity, which,
                       std::move(bells_of_first->first), std::move(bells_of_second->first));
    if (!joint) {
        return failed{joint.error()};
    }
    offer both;
    both.there.memory = joint->region_.take_fd();
    both.there.out = std::move(bells_of_second->second);
    both.there.in = std::move(bells_of_first->second);
    both.here = std::move(*joint);
    return both;
}

}  // namespace ferrule::inline v0::net
