// The rings of the catalogue: the product's own, on the modelled platform, with slots the checker knows about.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ferrule/consumer.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/cursor/direct.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/producer.hpp>
#include <ferrule/ring.hpp>
#include <ferrule/storage/inlined.hpp>
#include <ferrule/waiter/never.hpp>

#include "platform.hpp"

namespace ferrule::model {

/// A storage whose slots are watched: touching anything else through the platform is out of bounds.
template <class Storage>
class watched : public Storage {
public:
    watched() noexcept {
        here().declare(Storage::data(), Storage::geometry().capacity(), sizeof(typename Storage::value_type));
    }
};

/// How many stream positions before its overflow a cursor starts in half of the programs.
inline constexpr std::uint64_t before_the_wrap = ~std::uint64_t{0} - 2;

template <class T, std::size_t N, class Waiter = waiter::never>
using ring_of = basic_ring<watched<storage::inlined<T, N>>, Waiter, platform>;

/// A cursor policy that shows its own cursor only when it must: on a full or empty ring, at a close, before a wait.
struct holding_back {
    [[nodiscard]] static constexpr bool enough(std::uint64_t remembered, std::uint64_t wanted) noexcept {
        return remembered >= wanted;
    }
    [[nodiscard]] static constexpr bool publish_now(std::uint64_t /*unpublished*/) noexcept { return false; }
};

/// A ring with both of its ends.
template <class T, std::size_t N, class Cursor, std::uint64_t Start, class Waiter = waiter::never>
struct pipe {
    using ring_type = ring_of<T, N, Waiter>;
    ring_type ring{Waiter{}, starting_at{Start}};
    producer<ring_type, Cursor, guard::none> tx = ring.template claim_producer<Cursor, guard::none>();
    consumer<ring_type, Cursor, guard::none> rx = ring.template claim_consumer<Cursor, guard::none>();
};

}  // namespace ferrule::model
