// Names without definitions, for headers that only pass rings and ends along, and the default policies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferrule::inline v0 {

/// Who may sleep on a futex: threads of one process (cheaper), or of every process that maps the word.
enum class futex_scope { process_private, process_shared };

namespace detail {
struct native;
}

namespace pages {
struct plain;
class huge;
}  // namespace pages

namespace storage {
template <class T>
class borrowed;
template <class T, class Pages = pages::plain>
class heap;
template <class T, std::size_t N>
class inlined;
template <class T>
class mirrored;
template <class T>
class shared;
}  // namespace storage

namespace cursor {
struct direct;
struct cached;
template <std::uint64_t N>
struct batched;
}  // namespace cursor

namespace guard {
struct checked;
struct none;
struct locked;
}  // namespace guard

namespace barrier {
struct symmetric;
struct asymmetric;
}  // namespace barrier

namespace waiter {
/// A spin budget of what it costs here to fall asleep and be woken, measured once per process.
inline constexpr std::uint32_t measured = ~std::uint32_t{0};

struct never;
template <std::uint32_t Microseconds = measured>
struct spin;
template <futex_scope Scope = futex_scope::process_private, class Barrier = barrier::asymmetric>
struct futex;
template <class Barrier = barrier::asymmetric>
struct basic_eventfd;
using eventfd = basic_eventfd<>;
struct doorbell;
template <class First, class Second>
struct then;
}  // namespace waiter

template <class Ring, class Cursor, class Guard>
class producer;
template <class Ring, class Cursor, class Guard>
class consumer;

}  // namespace ferrule::inline v0
