// A connection of which another process has the other end, with rings shared between the two.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/net/hand_over.hpp>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/stream.hpp>

#include "connected.hpp"
#include "other_process.hpp"

namespace ferrule::test {

/// Receives its half of the rings over `socket`, and gives it to `stream`. True if it was one. For the other process.
[[nodiscard]] inline bool join_by(int socket, net::stream& stream) {
    auto received = net::receive_descriptors<net::joint_half::count>(socket);
    if (!received) {
        return false;
    }
    auto half = net::shared_joint::attach(net::joint_half::of(std::move(*received)));
    return half && stream.join(std::move(*half));
}

class far_stream {
public:
    /// The other process runs `code(stream, socket)` with its end and exits with what that returns, or with 99 if the
    /// rings did not reach it. It must not use doctest.
    template <class Code>
    far_stream(connection kind, const net::options& how, Code code)
        : ends_{connect(kind)},
          process{[&](int socket) {
              ends_.connecting.reset();
              auto there = net::stream::adopt(ends_.accepted.release(), how);
              return join_by(socket, there) ? code(there, socket) : 99;
          }},
          here{net::stream::adopt(ends_.connecting.release(), how)} {
        ends_.accepted.reset();
        auto made = net::shared_joint::make(how.ring_capacity);
        REQUIRE(made);
        REQUIRE(net::send_descriptors(process.socket(), made->there.descriptors()));
        REQUIRE(here.join(std::move(made->here)));
    }

private:
    connected ends_;

public:
    other_process process;
    net::stream here;
};

}  // namespace ferrule::test
