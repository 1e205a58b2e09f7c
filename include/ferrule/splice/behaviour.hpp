// How an endpoint of a splice behaves, and what it has done.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <ferrule/splice/overflow.hpp>
#include <ferrule/waiter/spin.hpp>

namespace ferrule::inline v0::splice {

struct behaviour {
    /// What a writer does when the ring is full.
    ferrule::splice::overflow overflow = overflow::on_stall();
    /// How long a call looks at the ring before it sleeps. Unless said otherwise what a sleep costs here, measured
    /// once; zero to sleep at once; never more than waiter::spin's limit.
    std::chrono::nanoseconds busy_poll = waiter::spin<>::as_measured;
    /// How long a writer, which must not send meanwhile, waits for a reader that stands still to agree on the ring.
    std::chrono::nanoseconds opening_patience = std::chrono::microseconds{500};
};

/// How an endpoint's bytes go at present.
enum class route : unsigned char {
    tcp,      ///< By TCP: there is no ring.
    pairing,  ///< By TCP still: there is a ring, and the two sides are about to agree on it.
    ring,     ///< By the ring.
    mixed,    ///< By TCP, because the ring was full: by the ring again when the reader has caught up.
};

[[nodiscard]] constexpr std::string_view to_string(route r) noexcept {
    switch (r) {
        case route::tcp:
            return "tcp";
        case route::pairing:
            return "pairing";
        case route::ring:
            return "ring";
        case route::mixed:
            return "mixed";
    }
    return "unknown route";
}

/// What one direction of an endpoint has done so far.
struct direction_statistics {
    std::uint64_t bytes_by_ring = 0;
    std::uint64_t bytes_by_tcp = 0;
    std::uint64_t calls = 0;
    std::uint64_t sleeps = 0;
};

struct statistics {
    struct : direction_statistics {
        std::uint64_t flushes = 0;   ///< Attempts to agree on the ring.
        std::uint64_t openings = 0;  ///< Those that succeeded.
        std::uint64_t spills = 0;    ///< Times it changed from the ring to TCP,
        std::uint64_t returns = 0;   ///< and back.
    } sent;
    direction_statistics received;
};

}  // namespace ferrule::inline v0::splice
