// The combinations people use, by name.
//
//   name                 storage            waiter            for whom
//   -------------------  -----------------  ----------------  ---------------------------------------------------------
//   heap_ring<T, W>      storage::heap      default_waiter    most programs: capacity chosen at run time
//   huge_ring<T, W>      heap, pages::huge  default_waiter    many megabytes, in huge pages where there are any
//   inline_ring<T, N, W> storage::inlined   waiter::never     no allocation, capacity known to the compiler, polled
//   borrowed_ring<T, W>  storage::borrowed  default_waiter    memory of the caller's
//   mirrored_ring<T, W>  storage::mirrored  default_waiter    every grant in one piece
//   shared_ring<T, W>    storage::shared    shared_waiter     two processes that need not trust each other
//
// T is std::byte for a stream of bytes. Cursor and guard policies belong to the ends and are chosen when an end is
// claimed: ring.claim_producer<cursor::direct, guard::none>().
#pragma once

#include <chrono>
#include <cstddef>

#include <ferrule/barrier/asymmetric.hpp>
#include <ferrule/barrier/symmetric.hpp>
#include <ferrule/cursor/batched.hpp>
#include <ferrule/cursor/cached.hpp>
#include <ferrule/cursor/direct.hpp>
#include <ferrule/guard/checked.hpp>
#include <ferrule/guard/locked.hpp>
#include <ferrule/guard/none.hpp>
#include <ferrule/pages/huge.hpp>
#include <ferrule/pages/plain.hpp>
#include <ferrule/ring.hpp>
#include <ferrule/storage/borrowed.hpp>
#include <ferrule/storage/heap.hpp>
#include <ferrule/storage/inlined.hpp>
#include <ferrule/storage/mirrored.hpp>
#include <ferrule/storage/shared.hpp>
#include <ferrule/waiter/doorbell.hpp>
#include <ferrule/waiter/eventfd.hpp>
#include <ferrule/waiter/futex.hpp>
#include <ferrule/waiter/never.hpp>
#include <ferrule/waiter/spin.hpp>
#include <ferrule/waiter/then.hpp>

namespace ferrule::inline v0 {

/// How a ring waits when nothing else is said: spin for as long as a sleep and a wake would cost, then sleep.
using default_waiter = waiter::then<waiter::spin<>, waiter::futex<>>;

template <class T = std::byte, class W = default_waiter>
using heap_ring = basic_ring<storage::heap<T>, W>;

template <class T = std::byte, class W = default_waiter>
using huge_ring = basic_ring<storage::heap<T, pages::huge>, W>;

template <class T, std::size_t N, class W = waiter::never>
using inline_ring = basic_ring<storage::inlined<T, N>, W>;

template <class T = std::byte, class W = default_waiter>
using borrowed_ring = basic_ring<storage::borrowed<T>, W>;

template <class T = std::byte, class W = default_waiter>
using mirrored_ring = basic_ring<storage::mirrored<T>, W>;

/// How an end waits for one in another process.
using shared_waiter = waiter::then<waiter::spin<>, waiter::futex<futex_scope::process_shared, barrier::symmetric>>;

template <class T = std::byte, class W = shared_waiter>
using shared_ring = basic_ring<storage::shared<T>, W>;

/// For waits that end only when there is something to do.
inline constexpr std::chrono::steady_clock::time_point no_deadline = std::chrono::steady_clock::time_point::max();

}  // namespace ferrule::inline v0
