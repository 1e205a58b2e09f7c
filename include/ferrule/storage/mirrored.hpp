// Slots that are mapped twice, back to back, so that a region that wraps is one piece like any other: for programs that
// parse in place, or hand the ring's memory to a call that takes one buffer.
//
// Only whole pages can be mapped, so a small ring wanders over a page or more of slots, of which it uses as many at a
// time as was asked for; any capacity is mirrored. Where the kernel refuses the mapping (no descriptor left, a filter,
// no address space) the slots are a heap's and regions come in two pieces; is_mirrored() tells. Whoever reads through
// span_pair need not care.
//
// A forked child does not inherit the slots: it would share them with its parent, which goes on using them. Touching
// the ring faults there; destroying it does not. The memory counts as shared memory, and where the kernel is told never
// to overcommit, first touching it with none left is a SIGBUS.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/capacity.hpp>
#include <ferrule/detail/mirror.hpp>
#include <ferrule/geometry.hpp>
#include <ferrule/storage/heap.hpp>

namespace ferrule::inline v0::storage {

template <class T>
class mirrored {
public:
    static_assert(raw_element<T>,
                  "ferrule: a mirrored ring shows an element at two addresses, so it must be trivially copyable");

    using value_type = T;
    using geometry_type = geometry::mirrored;

    /// Throws std::invalid_argument unless `capacity` is a power of two, std::bad_alloc if there is no memory for it.
    explicit mirrored(std::size_t capacity)
        : views_{slots_for(detail::checked_capacity(capacity, sizeof(T))) * sizeof(T)} {
        if (views_) {
            slots_ = reinterpret_cast<T*>(views_.data());
            geometry_ = geometry_type::twice(capacity, slots_for(capacity));
        } else {
            slots_ = instead_.emplace(capacity).data();
            geometry_ = geometry_type::once(capacity);
        }
    }
    mirrored(const mirrored&) = delete;
    mirrored& operator=(const mirrored&) = delete;
    ~mirrored() = default;

    [[nodiscard]] T* data() noexcept { return slots_; }
    [[nodiscard]] geometry_type geometry() const noexcept { return geometry_; }

    /// True if every region is one piece; false if the kernel refused, and some are two.
    [[nodiscard]] bool is_mirrored() const noexcept { return geometry_.is_mirrored(); }

private:
    static_assert(alignof(T) <= 4096, "ferrule: pages are not aligned to more than their size");

    /// The least that fills whole pages exactly. A power of two, since the page size and `capacity` are.
    [[nodiscard]] static std::size_t slots_for(std::size_t capacity) noexcept {
        constexpr std::size_t largest_power_in_size = sizeof(T) & (~sizeof(T) + 1);
        return std::max(capacity, detail::page_size() / std::min(detail::page_size(), largest_power_in_size));
    }

    detail::mirror views_;
    std::optional<heap<T>> instead_;
    T* slots_;
    geometry_type geometry_;
};

}  // namespace ferrule::inline v0::storage
