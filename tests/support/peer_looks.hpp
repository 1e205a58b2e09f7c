// What a cursor policy costs: how often the ends load the other's cursor, and store their own, while a ring is filled
// and emptied once, element by element.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ferrule/ferrule.hpp>

#include "scripted_platform.hpp"

namespace ferrule::test {

inline constexpr std::size_t pushes = 8;

struct access_counts {
    std::size_t looks_of_producer = 0;
    std::size_t looks_of_consumer = 0;
    std::size_t publications = 0;
};

template <class Cursor>
[[nodiscard]] access_counts count_accesses() {
    basic_ring<storage::heap<int>, waiter::never, scripted> ring{pushes};
    auto tx = ring.template claim_producer<Cursor, guard::none>();
    auto rx = ring.template claim_consumer<Cursor, guard::none>();
    access_counts counts;
    std::size_t* looks = nullptr;
    const auto count = [&](const shared_access& a, std::uint64_t value) {
        // A look at a cursor is an acquire load of a 64-bit word; the flag beside it is loaded after it.
        if (a.kind == access_kind::store) {
            ++counts.publications;
        } else if (a.width == sizeof(std::uint64_t)) {
            ++*looks;
        }
        return value;
    };
    scripted::with(count, [&] {
        looks = &counts.looks_of_producer;
        for (std::size_t i = 0; i != pushes; ++i) {
            (void)tx.try_push(static_cast<int>(i));
        }
        looks = &counts.looks_of_consumer;
        for (std::size_t i = 0; i != pushes; ++i) {
            (void)rx.try_pop();
        }
    });
    return counts;
}

}  // namespace ferrule::test
