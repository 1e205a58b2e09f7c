// What the soaks have in common, of one process and of two: how large rings are, what a writer does when one is full,
// and how the programs at both ends behave.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

#include <ferrule/net/stream.hpp>

#include "streams.hpp"

namespace ferrule::test {

/// How both programs behave.
enum class habit : unsigned char {
    eager,        ///< The readers read whatever comes.
    stalling,     ///< They stand still now and then, until the ring is full and more.
    write_first,  ///< Both write a burst before they read one.
};

struct soak_program {
    const char* name;
    std::size_t capacity;
    splice::overflow overflow;
    habit how;

    [[nodiscard]] net::options options() const {
        net::options all;
        all.ring_capacity = capacity;
        all.overflow = overflow;
        all.opening_patience = std::chrono::microseconds{50};
        return all;
    }
};

inline constexpr auto on_full = splice::overflow::on_full();
inline constexpr auto on_stall = splice::overflow::on_stall(std::chrono::microseconds{50});
inline constexpr auto never_spilling = splice::overflow::never();

/// Rings so small that the way changes all the time.
inline constexpr std::array tiny_rings{
    soak_program{"eager, on_full", 64, on_full, habit::eager},
    soak_program{"stalling, on_full", 64, on_full, habit::stalling},
    soak_program{"both write first, on_full", 16, on_full, habit::write_first},
    soak_program{"eager, on_stall", 64, on_stall, habit::eager},
    soak_program{"stalling, on_stall", 256, on_stall, habit::stalling},
    soak_program{"both write first, on_stall", 64, on_stall, habit::write_first},
    soak_program{"eager, never", 64, never_spilling, habit::eager},
};

/// Sends all of the next `size` bytes, and receives until the stream has come to `position`, however often a signal
/// ends a call. False if that failed.
[[nodiscard]] inline bool send_whatever_comes(net::stream& by, keyed_sender& out, std::size_t size) {
    for (const auto all = out.position() + size; out.position() != all;) {
        const auto sent = out.send(by, all - out.position());
        if (!sent && sent.error().value() != EINTR) {
            return false;
        }
    }
    return true;
}
[[nodiscard]] inline bool receive_whatever_comes(net::stream& by, keyed_receiver& in, std::uint64_t position) {
    while (in.position() != position && in.in_order()) {
        const auto received = in.receive(by, position - in.position());
        if (received ? *received == 0 : received.error().value() != EINTR) {
            return false;
        }
    }
    return in.in_order();
}

/// One of two programs that both write a burst before they read one; each knows from the other's seed how much comes.
[[nodiscard]] inline bool write_first(net::stream& by, keyed_sender& out, keyed_receiver& in, int rounds,
                                      std::size_t capacity, unsigned seed_of_out, unsigned seed_of_in) {
    std::minstd_rand sizes_out{seed_of_out};
    std::minstd_rand sizes_in{seed_of_in};
    for (int round = 0; round != rounds; ++round) {
        if (!send_whatever_comes(by, out, 1 + sizes_out() % (4 * capacity)) ||
            !receive_whatever_comes(by, in, in.position() + 1 + sizes_in() % (4 * capacity))) {
            return false;
        }
    }
    return true;
}

}  // namespace ferrule::test
