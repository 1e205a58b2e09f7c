// What a stream is told when it takes over a descriptor, and what it answers when it is asked why it is not on a ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ferrule/splice/behaviour.hpp>

namespace ferrule::inline v0::net {

enum class pairing : unsigned char {
    automatic,  ///< Looks for the other end, and uses rings when it is found.
    off,        ///< Stays on the socket.
};

struct options : splice::behaviour {
    /// Of each direction's ring. A power of two; whoever comes second of a pair decides.
    std::size_t ring_capacity = std::size_t{256} << 10U;
    net::pairing pairing = pairing::automatic;
};

/// Why a stream has no ring.
enum class reason : unsigned char {
    none,            ///< It has one.
    switched_off,    ///< As asked for.
    not_connected,   ///< The descriptor is no connected stream socket.
    not_supported,   ///< Neither TCP nor AF_UNIX.
    no_identity,     ///< The kernel does not tell who is at the other end.
    self_connected,  ///< Both ends are this one.
    sibling,         ///< Another stream holds the same end of the connection.
    peer_not_found,  ///< The other end was not adopted, so far.
    wrong_capacity,  ///< The rings asked for have no possible size.
    no_resources,    ///< No memory, or no descriptors, for the rings.
    unspliced,       ///< It has left them.
};

[[nodiscard]] constexpr std::string_view to_string(reason r) noexcept {
    switch (r) {
        case reason::none:
            return "on the ring";
        case reason::switched_off:
            return "switched off";
        case reason::not_connected:
            return "not a connected stream socket";
        case reason::not_supported:
            return "neither TCP nor AF_UNIX";
        case reason::no_identity:
            return "the kernel does not tell who is at the other end";
        case reason::self_connected:
            return "connected to itself";
        case reason::sibling:
            return "another stream holds the same end";
        case reason::peer_not_found:
            return "the other end was not adopted";
        case reason::wrong_capacity:
            return "the ring capacity is no power of two";
        case reason::no_resources:
            return "no memory or no descriptors for the rings";
        case reason::unspliced:
            return "it has left its rings";
    }
    return "unknown reason";
}

}  // namespace ferrule::inline v0::net
