// Slots inside the ring object itself: no allocation, and a capacity the compiler knows.
#pragma once

#include <algorithm>
#include <cstddef>

#include <ferrule/config.hpp>
#include <ferrule/geometry.hpp>

namespace ferrule::inline v0::storage {

template <class T, std::size_t N>
class inlined {
public:
    using value_type = T;
    using geometry_type = geometry::compile_time<N>;

    inlined() noexcept = default;
    inlined(const inlined&) = delete;
    inlined& operator=(const inlined&) = delete;

    [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(bytes_); }
    [[nodiscard]] static constexpr geometry_type geometry() noexcept { return {}; }

private:
    alignas(std::max(alignof(T), cache_line)) std::byte bytes_[N * sizeof(T)];
};

}  // namespace ferrule::inline v0::storage
