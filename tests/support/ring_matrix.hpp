// THE list of configurations. A policy that joins its axis here meets every behaviour test.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

namespace ferrule::test {

struct on_heap {
    template <class T, std::size_t>
    using storage = storage::heap<T>;
};
struct in_object {
    template <class T, std::size_t N>
    using storage = storage::inlined<T, N>;
};

struct lent {
    /// Raw memory, and a storage that borrows it.
    template <class T, std::size_t N>
    struct room {
        alignas(T) std::array<std::byte, N * sizeof(T)> memory;
    };
    template <class T, std::size_t N>
    struct storage : room<T, N>, ferrule::storage::borrowed<T> {
        storage() : ferrule::storage::borrowed<T>{std::span{this->memory}} {}
    };
};

struct in_mirror {
    /// Elements that cannot be shown at two addresses stay on the heap.
    template <class T, std::size_t>
    struct fit : std::type_identity<ferrule::storage::heap<T>> {};
    template <raw_element T, std::size_t N>
    struct fit<T, N> : std::type_identity<ferrule::storage::mirrored<T>> {};
    template <class T, std::size_t N>
    using storage = typename fit<T, N>::type;
};

using storages = std::tuple<on_heap, in_object, lent, in_mirror>;
using cursors = std::tuple<cursor::direct, cursor::cached, cursor::batched<3>>;
using guards = std::tuple<guard::checked, guard::none, guard::locked>;

/// One point of the matrix: makes rings of any element type and capacity, and claims their ends.
template <class Store, class Cursor, class Guard>
struct config {
    template <class T, std::size_t N, class W = waiter::spin<>>
    using ring = basic_ring<typename Store::template storage<T, N>, W>;

    template <class T, std::size_t N, class W = waiter::spin<>>
    [[nodiscard]] static ring<T, N, W> make(std::uint64_t start = 0) {
        if constexpr (std::default_initializable<typename ring<T, N, W>::storage_type>) {
            return ring<T, N, W>{W{}, starting_at{start}};
        } else {
            return ring<T, N, W>{N, W{}, starting_at{start}};
        }
    }
    template <class Ring>
    [[nodiscard]] static auto claim_producer(Ring& ring) noexcept {
        return ring.template claim_producer<Cursor, Guard>();
    }
    template <class Ring>
    [[nodiscard]] static auto claim_consumer(Ring& ring) noexcept {
        return ring.template claim_consumer<Cursor, Guard>();
    }
};

/// A ring with both its ends, the usual subject of a test.
template <class Config, class T, std::size_t N, class W = waiter::spin<>>
struct subject {
    explicit subject(std::uint64_t start = 0)
        : ring{Config::template make<T, N, W>(start)},
          tx{Config::claim_producer(ring)},
          rx{Config::claim_consumer(ring)} {}

    using ring_type = typename Config::template ring<T, N, W>;

    ring_type ring;
    decltype(Config::claim_producer(std::declval<ring_type&>())) tx;
    decltype(Config::claim_consumer(std::declval<ring_type&>())) rx;
};

/// Where streams begin in a behaviour test: at the start, at the wrap of a ring, of 32 bits, and of 64 bits.
[[nodiscard]] constexpr std::array<std::uint64_t, 4> starts(std::uint64_t capacity) noexcept {
    return {0, capacity - 1, (std::uint64_t{1} << 32U) - 3, std::numeric_limits<std::uint64_t>::max() - 2};
}

namespace detail {

// Pairwise: every storage meets every cursor, and the guard moves on with both, so that any two policies meet
// somewhere. All three at once, everywhere, would compile three times as long; nothing in an end looks at three.
inline constexpr std::size_t storage_count = std::tuple_size_v<storages>;
inline constexpr std::size_t cursor_count = std::tuple_size_v<cursors>;
inline constexpr std::size_t guard_count = std::tuple_size_v<guards>;
static_assert(storage_count >= guard_count && cursor_count >= guard_count, "some two policies would never meet");

template <std::size_t S, std::size_t C>
using pair_of = config<std::tuple_element_t<S, storages>, std::tuple_element_t<C, cursors>,
                       std::tuple_element_t<(S + C) % guard_count, guards>>;
template <std::size_t... I>
auto every_pair(std::index_sequence<I...>) -> std::tuple<pair_of<I / cursor_count, I % cursor_count>...>;

}  // namespace detail

using ring_matrix =
    decltype(detail::every_pair(std::make_index_sequence<detail::storage_count * detail::cursor_count>{}));

}  // namespace ferrule::test

/// A test case that runs once for each point of the matrix, which its body knows as `Config`.
#define FERRULE_FOR_EACH_RING(name) FERRULE_FOR_EACH_RING_AS(name, DOCTEST_ANONYMOUS(ferrule_rings_))
#define FERRULE_FOR_EACH_RING_AS(name, id)                                               \
    DOCTEST_TEST_CASE_TEMPLATE_DEFINE_IMPL(name, Config, DOCTEST_CAT(id, ITERATOR), id); \
    DOCTEST_TEST_CASE_TEMPLATE_INSTANTIATE_IMPL(id, id, ferrule::test::ring_matrix)      \
    template <typename Config>                                                           \
    static void id()
