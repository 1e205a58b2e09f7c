// What a polling loop does between two looks: the same for every contender.
#pragma once

#include <ferrule/detail/native.hpp>

namespace ferrule::bench {

inline void relax() noexcept { ferrule::detail::native::pause(); }

}  // namespace ferrule::bench
