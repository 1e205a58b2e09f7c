// A descriptor that is closed with its owner, under the name it has here.
#pragma once

#include <ferrule/fd.hpp>

namespace ferrule::inline v0::net {
using ferrule::unique_fd;
}  // namespace ferrule::inline v0::net
