// What do the policies bring or cost a stream of small messages? Every pair of cursor, storage and waiter, 64 bytes.
#include <array>
#include <string>

#include "adapters/ferrule_ring.hpp"
#include "support/question.hpp"
#include "support/transfer.hpp"

namespace {

using namespace ferrule::bench;
namespace cursor = ferrule::cursor;
namespace guard = ferrule::guard;
namespace storage = ferrule::storage;
namespace waiter = ferrule::waiter;

constexpr std::size_t capacity = 256U << 10U;
constexpr std::uint64_t batch = 4 * capacity;

const ask asked{"policies", "64-byte messages through 256 KiB: cursor/storage/waiter", million_per_second,
                "cached/heap/default"};

template <class Policy>
struct named {
    using type = Policy;
    const char* name;
};

template <class Cursor, class Storage, class Waiter, class Guard = guard::checked>
void add(named<Cursor> c, named<Storage> s, named<Waiter> w, const char* more = "") {
    using ring = ferrule::basic_ring<Storage, Waiter>;
    asked("", std::string{c.name} + "/" + s.name + "/" + w.name + more, [](benchmark::State& state) {
        transfer<ferrule_ring<ring, Cursor, Guard>>(state, capacity, batch, chunks<std::byte>{64});
    })->UseManualTime();
}

constexpr named<cursor::cached> cached{"cached"};
constexpr named<cursor::batched<4096>> batched{"batched"};
constexpr named<cursor::direct> direct{"direct"};

constexpr named<storage::heap<std::byte>> heap{"heap"};
constexpr named<storage::heap<std::byte, ferrule::pages::huge>> huge{"huge"};
constexpr named<storage::inlined<std::byte, capacity>> inlined{"inlined"};
constexpr named<storage::borrowed<std::byte>> borrowed{"borrowed"};
constexpr named<storage::mirrored<std::byte>> mirrored{"mirrored"};

constexpr named<ferrule::default_waiter> by_default{"default"};
constexpr named<waiter::never> never{"never"};
constexpr named<waiter::spin<>> spin{"spin"};
constexpr named<waiter::futex<>> futex{"futex"};
constexpr named<waiter::eventfd> eventfd{"eventfd"};

/// A waiter with every storage, and with every cursor policy on the way.
template <class Waiter, class A, class B, class C>
void add_waiter(named<Waiter> w, named<A> a, named<B> b, named<C> c) {
    add(a, heap, w);
    add(b, mirrored, w);
    add(c, borrowed, w);
    add(b, inlined, w);
    add(a, huge, w);
}

const bool added = [] {
    // Each waiter begins with another cursor policy, so that these meet every storage too.
    add_waiter(by_default, cached, batched, direct);
    add_waiter(never, batched, direct, cached);
    add_waiter(spin, direct, cached, batched);
    add_waiter(futex, cached, batched, direct);
    add_waiter(eventfd, batched, cached, direct);
    add<cursor::cached, storage::heap<std::byte>, ferrule::default_waiter, guard::none>(cached, heap, by_default,
                                                                                        "/unguarded");
    add<cursor::cached, storage::heap<std::byte>, ferrule::default_waiter, guard::locked>(cached, heap, by_default,
                                                                                          "/locked");
    return true;
}();

}  // namespace
