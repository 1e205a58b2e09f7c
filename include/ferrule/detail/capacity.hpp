// What every storage with a capacity chosen at run time asks of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ferrule/detail/failure.hpp>
#include <ferrule/geometry.hpp>

namespace ferrule::inline v0::detail {

/// `capacity`, if that many elements of `element_size` bytes can be a ring. Throws std::invalid_argument if not.
[[nodiscard]] inline std::size_t checked_capacity(std::size_t capacity, std::size_t element_size) {
    if (!is_capacity(capacity)) {
        invalid_capacity(capacity);
    }
    if (capacity > PTRDIFF_MAX / element_size) {
        invalid_argument("ferrule: capacity exceeds the address space");
    }
    return capacity;
}

}  // namespace ferrule::inline v0::detail
