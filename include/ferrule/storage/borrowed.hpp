// Slots in memory of the caller's: static, on a stack, from an allocator of its own, in a mapping it made.
//
// The memory must outlive the ring, which never frees it, and nobody else may touch it meanwhile. A neighbour that is
// written to while the ring is used slows it down, unless it lies a `cache_line` away.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

#include <ferrule/concepts.hpp>
#include <ferrule/detail/capacity.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/geometry.hpp>

namespace ferrule::inline v0::storage {

template <class T>
class borrowed {
public:
    using value_type = T;
    using geometry_type = geometry::run_time;

    /// Raw memory, for elements of any type. Throws std::invalid_argument unless it is aligned for them and holds a
    /// power of two of them exactly.
    explicit borrowed(std::span<std::byte> memory)
        : geometry_{capacity_of(memory)}, slots_{reinterpret_cast<T*>(memory.data())} {}

    /// Objects that are there already, of a type for which that makes no difference: the ring overwrites them, and
    /// leaves behind what it held last. Throws std::invalid_argument unless they are a power of two.
    explicit borrowed(std::span<T> slots) requires(raw_element<T> && !std::same_as<T, std::byte>)
        : geometry_{detail::checked_capacity(slots.size(), sizeof(T))}, slots_{slots.data()} {}

    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() = default;

    [[nodiscard]] T* data() noexcept { return slots_; }
    [[nodiscard]] geometry_type geometry() const noexcept { return geometry_; }

private:
    static std::size_t capacity_of(std::span<std::byte> memory) {
        char text[128];
        if (memory.size() % sizeof(T) != 0) {
            std::snprintf(text, sizeof text, "ferrule: %zu bytes are no whole number of elements of %zu bytes",
                          memory.size(), sizeof(T));
            detail::invalid_argument(text);
        }
        if (reinterpret_cast<std::uintptr_t>(memory.data()) % alignof(T) != 0) {
            std::snprintf(text, sizeof text, "ferrule: borrowed memory is not aligned to the %zu bytes of its elements",
                          alignof(T));
            detail::invalid_argument(text);
        }
        return detail::checked_capacity(memory.size() / sizeof(T), sizeof(T));
    }

    geometry_type geometry_;
    T* slots_;
};

}  // namespace ferrule::inline v0::storage
