// What the library assumes about its host, said once.
#pragma once

#include <cstddef>

#if !defined(__linux__)
#error "ferrule runs on Linux only"
#endif

namespace ferrule::inline v0 {

static_assert(sizeof(void*) == 8, "ferrule runs on 64-bit hosts only");

/// How far apart two words must lie so that writing one does not slow down a reader of the other.
/// Two 64-byte lines on x86-64, because its prefetcher fetches lines in pairs; one line of the larger aarch64 cores.
/// A constant of our own, because the standard's may differ between two compilers that share one ring.
inline constexpr std::size_t cache_line = 128;

}  // namespace ferrule::inline v0
