// Every extension point of the library and its law.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ferrule/detail/native.hpp>

// clang-format 14 tears requirements apart.
// clang-format off
namespace ferrule::inline v0 {

/// Where elements lie. Law: exact arithmetic on cursors, the same answer for the object's whole life.
template <class G>
concept geometry_value = std::copyable<G> && std::default_initializable<G> &&
    requires(const G g, std::uint64_t cursor, std::size_t n) {
    { g.capacity() } noexcept -> std::same_as<std::size_t>;
    { g.offset(cursor) } noexcept -> std::same_as<std::size_t>;
    { g.first_piece(cursor, n) } noexcept -> std::same_as<std::size_t>;
};

/// What may live in a ring. Law: moving it from one slot to another cannot fail half-way.
template <class T>
concept element = std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T> &&
                  std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>;

/// What may also be copied in bulk, and written in place before it is published.
template <class T>
concept raw_element = element<T> && std::is_trivially_copyable_v<T>;

/// Owns or borrows the slots, as raw memory. Law: the same address and the same length for the object's whole life.
template <class S>
concept storage_policy = std::is_object_v<typename S::value_type> && geometry_value<typename S::geometry_type> && requires(S s) {
    { s.data() } noexcept -> std::same_as<typename S::value_type*>;
    { s.geometry() } noexcept -> std::same_as<typename S::geometry_type>;
};

/// One end's private opinion of the peer's cursor, and when it shows its own. Law: only ever asks for a look too many,
/// and publishes no later than asked; it never sees a cursor, so it cannot invent one.
template <class C>
concept cursor_policy = requires(std::uint64_t n) {
    { C::enough(n, n) } noexcept -> std::same_as<bool>;  // (remembered, wanted): may this look be skipped?
    { C::publish_now(n) } noexcept -> std::same_as<bool>;  // (unpublished): show the own cursor now?
};

/// What happens when two calls meet in one end. Law: enter() and leave() bracket every call; a call that waits for the
/// peer is idle() until it looks again.
template <class G, class Platform = detail::native>
concept guard_policy = requires(typename G::template state<Platform> s, typename G::template state<Platform>::token t) {
    requires std::default_initializable<typename G::template state<Platform>>;
    { s.enter() } noexcept -> std::same_as<typename G::template state<Platform>::token>;
    { s.leave(t) } noexcept;
    { s.idle() } noexcept;
    { s.resume() } noexcept;
};

/// How a stretch of polling ended.
enum class polled : unsigned char {
    enough,   ///< look() gave at least what was wanted.
    expired,  ///< The deadline passed.
    spent,    ///< The budget is used up: park, then poll again.
};

namespace detail {
struct example_look {
    std::uint64_t operator()() const noexcept;
};
}  // namespace detail

/// How an end passes the time. Law: poll() looks at least once and returns `enough` only after a look that gave it;
/// park() ends after an unpark or by itself.
template <class W, class Platform = detail::native>
concept waiter_policy = std::copyable<W> && requires {
    { W::can_wait } -> std::convertible_to<bool>;
} && (!W::can_wait || requires(W w, detail::example_look look, std::chrono::steady_clock::time_point deadline) {
    { w.template poll<Platform>(look, std::uint64_t{}, deadline) } noexcept -> std::same_as<polled>;
    { w.template park<Platform>(deadline) } noexcept;
});

}  // namespace ferrule::inline v0
// clang-format on
