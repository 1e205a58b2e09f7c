// Show the own cursor once per N elements instead of at every call: for streams of small pieces, where each publication
// costs the peer a cache line and, with a symmetric barrier, this end a fence.
//
// What is held back the peer cannot see, so it comes out at once when somebody might be waiting for it: when a call
// finds nothing to do, before a wait or an arm, on close() and when the end dies. An end that stops calling for another
// reason, to wait for an answer through another ring for instance, says publish() first.
//
// An N beyond a quarter of the capacity makes the two ends take turns rather than run side by side.
#pragma once

#include <cstdint>

namespace ferrule::inline v0::cursor {

template <std::uint64_t N>
struct batched {
    static_assert(N != 0, "ferrule: a batch is of one element at least");

    [[nodiscard]] static constexpr bool enough(std::uint64_t remembered, std::uint64_t wanted) noexcept {
        return remembered >= wanted;
    }
    [[nodiscard]] static constexpr bool publish_now(std::uint64_t unpublished) noexcept { return unpublished >= N; }
};

}  // namespace ferrule::inline v0::cursor
