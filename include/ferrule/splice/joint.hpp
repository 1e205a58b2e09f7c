// What the two endpoints of a splice share, and what each of them gets of it.
#pragma once

#include <concepts>
#include <cstddef>

#include <ferrule/splice/ledger.hpp>

namespace ferrule::inline v0::splice {

/// Which of the two endpoints of a joint.
enum class side : unsigned char { first, second };

/// One endpoint's place at a joint: the ring it writes, the ring it reads, and what is said about both. Whoever made
/// these keeps them until the endpoint is gone.
template <class Ring>
struct seat {
    using words = side_words<typename Ring::platform_type>;

    Ring* out;
    Ring* in;
    words* mine;
    const words* theirs;
};

/// Both places, where both endpoints are in this process. Outlives both.
template <class Ring>
struct joint {
    using words = typename seat<Ring>::words;

    /// Rings of `capacity` bytes. Throws what making a ring throws.
    explicit joint(std::size_t capacity) : from_first{capacity}, from_second{capacity} {}
    /// Rings whose storage knows its capacity.
    joint() requires std::default_initializable<Ring>
    = default;

    [[nodiscard]] seat<Ring> seat_of(side which) noexcept {
        return which == side::first ? seat<Ring>{&from_first, &from_second, &of_first, &of_second}
                                    : seat<Ring>{&from_second, &from_first, &of_second, &of_first};
    }

    Ring from_first;
    Ring from_second;
    words of_first;
    words of_second;
};

}  // namespace ferrule::inline v0::splice
