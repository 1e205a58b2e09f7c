// Slots in memory of the process's own, for a capacity known at run time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>

#include <ferrule/concepts.hpp>
#include <ferrule/config.hpp>
#include <ferrule/detail/capacity.hpp>
#include <ferrule/detail/failure.hpp>
#include <ferrule/fwd.hpp>
#include <ferrule/geometry.hpp>
#include <ferrule/pages/plain.hpp>

namespace ferrule::inline v0::storage {

template <class T, class Pages>
class heap {
public:
    using value_type = T;
    using geometry_type = geometry::run_time;

    /// Throws std::invalid_argument unless `capacity` is a power of two, std::bad_alloc if there is no memory for it.
    explicit heap(std::size_t capacity)
        : geometry_{detail::checked_capacity(capacity, sizeof(T))}, slots_{allocate(capacity * sizeof(T))} {}
    heap(const heap&) = delete;
    heap& operator=(const heap&) = delete;
    ~heap() {
        const std::size_t bytes = geometry_.capacity() * sizeof(T);
        if (in_whole_pages(bytes)) {
            pages_.unmap(slots_, bytes);
        } else {
            ::operator delete(slots_, alignment);
        }
    }

    [[nodiscard]] T* data() noexcept { return slots_; }
    [[nodiscard]] geometry_type geometry() const noexcept { return geometry_; }

    /// What the slots got. Small rings share plain pages with the rest of the heap.
    [[nodiscard]] page_kind pages() const noexcept { return pages_.kind(); }

private:
    // Whole cache lines of its own, so that no neighbour on the heap slows the ring down.
    static constexpr std::align_val_t alignment{std::max(alignof(T), cache_line)};

    // Large rings come as pages from the kernel: malloc would round 2^n bytes and its own header up to a page more,
    // and might keep the memory of a ring that is gone.
    static constexpr bool in_whole_pages(std::size_t bytes) noexcept {
        return bytes >= (std::size_t{64} << 10U) && alignof(T) <= 4096;
    }

    T* allocate(std::size_t bytes) {
        if (!in_whole_pages(bytes)) {
            return static_cast<T*>(::operator new(bytes, alignment));
        }
        void* const mapped = pages_.map(bytes);
        if (mapped == nullptr) {
            detail::out_of_memory();
        }
        return static_cast<T*>(mapped);
    }

    geometry_type geometry_;
    [[no_unique_address]] Pages pages_{};
    T* slots_;  // Last: made with the others.
};

}  // namespace ferrule::inline v0::storage
