// What may be copied, moved and asked for.
#include <ferrule/ferrule.hpp>

#include <memory>
#include <type_traits>

#include <doctest/doctest.h>

using namespace ferrule;

namespace {

using bytes = heap_ring<>;
using owners = heap_ring<std::unique_ptr<int>>;

template <class T>
constexpr bool move_only =
    std::is_nothrow_move_constructible_v<T> && !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(!std::is_copy_constructible_v<bytes> && !std::is_move_constructible_v<bytes>);
static_assert(move_only<bytes::producer_type> && std::is_nothrow_move_assignable_v<bytes::producer_type>);
static_assert(move_only<bytes::consumer_type> && std::is_nothrow_move_assignable_v<bytes::consumer_type>);
static_assert(std::is_nothrow_default_constructible_v<bytes::producer_type>);
static_assert(move_only<bytes::producer_type::grant_type> && move_only<bytes::consumer_type::grant_type>);
static_assert(!std::is_constructible_v<bool, bytes::producer_type> ||
              !std::is_convertible_v<bytes::producer_type, bool>);

// Bulk copies and grants over raw memory are for elements that allow them, and only for them.
template <class Ring>
constexpr bool writes_in_bulk = requires(typename Ring::producer_type& tx, std::span<typename Ring::value_type> some) {
    tx.try_write(some);
};
template <class Ring>
constexpr bool prepares = requires(typename Ring::producer_type& tx) {
    tx.prepare(1, 1);
};
template <class Ring>
constexpr bool reads_in_bulk = requires(typename Ring::consumer_type& rx, std::span<typename Ring::value_type> some) {
    rx.try_read(some);
};
template <class Ring>
constexpr bool pushes_a_named_value = requires(typename Ring::producer_type& tx, const typename Ring::value_type& v) {
    tx.try_push(v);
};

static_assert(writes_in_bulk<bytes> && reads_in_bulk<bytes> && prepares<bytes> && pushes_a_named_value<bytes>);
static_assert(!writes_in_bulk<owners> && !reads_in_bulk<owners> && !prepares<owners> && !pushes_a_named_value<owners>);

static_assert(std::is_same_v<heap_ring<>::value_type, std::byte>);
static_assert(std::is_same_v<decltype(std::declval<bytes&>().claim_producer()), bytes::producer_type>);
static_assert(std::is_same_v<decltype(std::declval<bytes&>().claim_consumer()), bytes::consumer_type>);

}  // namespace

TEST_CASE("traits: the contract is pinned at compile time") { CHECK(prepares<bytes>); }
