// Names without definitions, for headers that only pass rings and ends along, and the default policies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferrule::inline v0 {

namespace detail {
struct native;
}

namespace storage {
template <class T>
class heap;
template <class T, std::size_t N>
class inlined;
}  // namespace storage

namespace cursor {
struct direct;
struct cached;
}  // namespace cursor

namespace guard {
struct checked;
struct none;
struct locked;
}  // namespace guard

namespace waiter {
struct never;
template <std::uint32_t Microseconds = 50>
struct spin;
}  // namespace waiter

}  // namespace ferrule::inline v0
