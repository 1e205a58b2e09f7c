// A ring: storage, a control block, two claims and two wait points. Everything that moves data is in its ends.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <ferrule/concepts.hpp>
#include <ferrule/consumer.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/claim.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/fwd.hpp>
#include <ferrule/producer.hpp>

namespace ferrule::inline v0 {

/// The stream position a new ring begins at. 0 unless one stream continues another.
struct starting_at {
    std::uint64_t cursor = 0;
};

namespace detail {

template <class Waiter, class Platform>
struct point_type {
    struct type {
        explicit type(const Waiter&) noexcept {}
    };
};
template <class Waiter, class Platform>
    requires(Waiter::can_wait)
struct point_type<Waiter, Platform> {
    using type = typename Waiter::template point<Platform>;
};
/// A wait point of a ring; empty where nobody waits.
template <class Waiter, class Platform>
using point_of = typename point_type<Waiter, Platform>::type;

/// The control block where both ends are in this process: part of the ring.
template <class Storage, class Platform>
class control_of {
public:
    explicit control_of(std::uint64_t start) noexcept : here_{start} {}

    [[nodiscard]] announcement<Platform>& announcement_of(Storage& /*storage*/, role whose) noexcept {
        return whose == role::producer ? here_.producer : here_.consumer;
    }
    [[nodiscard]] const announcement<Platform>& announcement_of(const Storage& /*storage*/, role whose) const noexcept {
        return whose == role::producer ? here_.producer : here_.consumer;
    }
    [[nodiscard]] static bool may_claim(const Storage& /*storage*/, role /*which*/) noexcept { return true; }

private:
    control<Platform> here_;
};

/// The control block where they are not: part of the storage, as is the knowledge which end is this process's.
template <shared_storage Storage, class Platform>
class control_of<Storage, Platform> {
public:
    explicit control_of(std::uint64_t start) {
        if (start != 0) {
            invalid_argument("ferrule: a shared ring starts at 0");
        }
    }

    [[nodiscard]] static announcement<Platform>& announcement_of(Storage& storage, role whose) noexcept {
        return storage.template announcement_of<Platform>(whose);
    }
    [[nodiscard]] static const announcement<Platform>& announcement_of(const Storage& storage, role whose) noexcept {
        return storage.template announcement_of<Platform>(whose);
    }
    [[nodiscard]] static bool may_claim(const Storage& storage, role which) noexcept { return storage.mine() == which; }
};

}  // namespace detail

/// A lock-free single-producer single-consumer ring. Neither copyable nor movable: its ends point at it.
/// Must outlive its ends; destroys the elements that nobody took.
template <storage_policy Storage, waiter_policy Waiter, class Platform = detail::native>
    requires waiter_policy<Waiter, Platform>
class basic_ring {
public:
    static_assert(element<typename Storage::value_type>,
                  "ferrule: an element must be movable and destructible without throwing");
    static_assert(!shared_storage<Storage> || process_shared<Waiter>,
                  "ferrule: two processes share this ring: wait by waiter::futex<futex_scope::process_shared, "
                  "barrier::symmetric>, waiter::spin, both, or waiter::never");

    using value_type = typename Storage::value_type;
    using geometry_type = typename Storage::geometry_type;
    using storage_type = Storage;
    using waiter_type = Waiter;
    using platform_type = Platform;
    using point_type = detail::point_of<Waiter, Platform>;
    using producer_type = producer<basic_ring, cursor::cached, guard::checked>;
    using consumer_type = consumer<basic_ring, cursor::cached, guard::checked>;

    /// A ring of `capacity` elements. Throws std::invalid_argument, naming the nearest ones, if that is no power of
    /// two.
    explicit basic_ring(std::size_t capacity, const Waiter& waiter = {},
                        starting_at start = {}) requires std::constructible_from<Storage, std::size_t>
        : basic_ring{start, waiter, capacity} {}

    /// A ring whose storage is made from something else, such as the memory it is to borrow. Throws what that throws.
    template <class From>
        requires(!std::convertible_to<From, std::size_t> && std::constructible_from<Storage, From>)
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): no storage is made from a ring.
    explicit basic_ring(From&& from, const Waiter& waiter = {}, starting_at start = {})
        : basic_ring{start, waiter, std::forward<From>(from)} {}

    /// A ring whose storage knows its own capacity.
    explicit basic_ring(const Waiter& waiter = {}, starting_at start = {}) requires std::default_initializable<Storage>
        : basic_ring{start, waiter} {}

    basic_ring(const basic_ring&) = delete;
    basic_ring& operator=(const basic_ring&) = delete;

    ~basic_ring() {
        if (producer_claim_.taken()) {
            detail::misuse("a ring was destroyed while its producer lives");
        }
        if (consumer_claim_.taken()) {
            detail::misuse("a ring was destroyed while its consumer lives");
        }
        destroy_the_rest();
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return storage_.geometry().capacity(); }

    /// For what there is to ask of it.
    [[nodiscard]] const Storage& storage() const noexcept { return storage_; }
    [[nodiscard]] Storage& storage() noexcept requires shared_storage<Storage> { return storage_; }

    /// Takes the writing end. Returns an end that is false if another producer lives.
    template <cursor_policy C = cursor::cached, guard_policy<Platform> G = guard::checked>
    [[nodiscard]] producer<basic_ring, C, G> claim_producer() noexcept {
        return producer<basic_ring, C, G>{*this};
    }

    /// Takes the reading end. Returns an end that is false if another consumer lives.
    template <cursor_policy C = cursor::cached, guard_policy<Platform> G = guard::checked>
    [[nodiscard]] consumer<basic_ring, C, G> claim_consumer() noexcept {
        return consumer<basic_ring, C, G>{*this};
    }

    /// About how many elements are in the ring, for whoever watches from outside: both ends may move on while it is
    /// being worked out. Between 0 and the capacity.
    [[nodiscard]] std::size_t size_guess() const noexcept {
        // Relaxed, statistics: the two loads need not fit together.
        const std::uint64_t written = announcement_of(role::producer).cursor.load(std::memory_order_relaxed);
        const std::uint64_t read = announcement_of(role::consumer).cursor.load(std::memory_order_relaxed);
        const std::uint64_t distance = written - read;
        const bool overtaken = distance > ~std::uint64_t{0} / 2;
        return overtaken ? 0 : std::min<std::uint64_t>(distance, capacity());
    }

private:
    friend detail::producing;
    friend detail::consuming;
    template <class, class, class, class>
    friend class detail::end;

    template <class... StorageArguments>
    basic_ring(starting_at start, const Waiter& waiter, StorageArguments&&... arguments)
        : control_{start.cursor},
          storage_{std::forward<StorageArguments>(arguments)...},
          data_point_{waiter},
          space_point_{waiter},
          producer_claim_{start.cursor},
          consumer_claim_{start.cursor} {}

    void destroy_the_rest() noexcept {
        if constexpr (!std::is_trivially_destructible_v<value_type>) {
            const std::uint64_t written = producer_claim_.memory.own;
            for (std::uint64_t i = consumer_claim_.memory.own; i != written; ++i) {
                Platform::retire(storage_.data() + storage_.geometry().offset(i), 1);
            }
        }
    }

    [[nodiscard]] announcement<Platform>& announcement_of(role whose) noexcept {
        return control_.announcement_of(storage_, whose);
    }
    [[nodiscard]] const announcement<Platform>& announcement_of(role whose) const noexcept {
        return control_.announcement_of(storage_, whose);
    }
    [[nodiscard]] bool may_claim(role which) const noexcept { return control_.may_claim(storage_, which); }

    [[no_unique_address]] detail::control_of<Storage, Platform> control_;
    Storage storage_;
    // Private to the process: where the consumer waits for data, and the producer for space.
    [[no_unique_address]] point_type data_point_;
    [[no_unique_address]] point_type space_point_;
    detail::claim<Platform> producer_claim_;
    detail::claim<Platform> consumer_claim_;
};

}  // namespace ferrule::inline v0
