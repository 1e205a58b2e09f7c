// The slots and control words of one ring in memory that two processes share, seen from one of them. Owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ferrule/concepts.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/mirror.hpp>
#include <ferrule/detail/sealed_memory.hpp>
#include <ferrule/geometry.hpp>
#include <ferrule/role.hpp>
#include <ferrule/storage/shared_region.hpp>

namespace ferrule::inline v0::storage {

template <class T>
class shared_part {
public:
    static_assert(raw_element<T>, "ferrule: what another process shall read must be trivially copyable");

    using value_type = T;
    using geometry_type = geometry::run_time;
    static constexpr bool is_shared = true;

    /// Bytes of slots a ring of this capacity takes: its elements, in whole pages.
    [[nodiscard]] static std::size_t bytes(std::size_t capacity) noexcept {
        return shared_region::whole_pages(capacity * sizeof(T));
    }
    [[nodiscard]] static bool is_possible(std::uint64_t capacity) noexcept {
        return is_capacity(capacity) && capacity <= (std::uint64_t{1} << 40U) / sizeof(T);
    }

    /// What this process, which has the end `mine`, may do with its slots.
    [[nodiscard]] static shared_region::part part(std::size_t capacity, role mine) noexcept {
        return {bytes(capacity), mine == role::producer ? detail::access_right::write : detail::access_right::read};
    }

    shared_part() noexcept = default;
    /// The ring in part `which` of `region`, whose mappings must outlive it.
    shared_part(const shared_region& region, std::size_t which, std::size_t capacity, role mine) noexcept
        : slots_{region.slots(which).data()}, geometry_{capacity}, role_{mine} {
        auto& my_page = region.mine<shared_page>();
        auto& their_page = region.theirs<shared_page>();
        producer_ = mine == role::producer ? &my_page.as_producer : &their_page.as_producer;
        consumer_ = mine == role::producer ? &their_page.as_consumer : &my_page.as_consumer;
    }

    [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(slots_); }
    [[nodiscard]] geometry_type geometry() const noexcept { return geometry_; }

    /// The end this process has.
    [[nodiscard]] role mine() const noexcept { return role_; }

    /// Nothing here tells when the other process is gone.
    [[nodiscard]] static int peer_life() noexcept { return -1; }
    [[nodiscard]] static bool peer_is_gone() noexcept { return false; }

    /// Gives back the pages of `n` slots from `cursor` on, which nobody but this process's producer may touch now.
    void discard(std::uint64_t cursor, std::size_t n) noexcept {
        if (n == geometry_.capacity()) {
            // The page in which the stream stands as well, and what is left over of the last one.
            detail::discard_pages(slots_, bytes(n));
            return;
        }
        const std::size_t in_front = geometry_.first_piece(cursor, n);
        discard_slots(geometry_.offset(cursor), in_front);
        discard_slots(0, n - in_front);
    }

    /// Only the own one can be written to.
    template <class Platform>
    [[nodiscard]] announcement<Platform>& announcement_of(role whose) noexcept {
        return *where(whose);
    }
    template <class Platform>
    [[nodiscard]] const announcement<Platform>& announcement_of(role whose) const noexcept {
        return *where(whose);
    }

private:
    [[nodiscard]] announcement<detail::native>* where(role whose) const noexcept {
        return whose == role::producer ? producer_ : consumer_;
    }

    void discard_slots(std::size_t offset, std::size_t n) noexcept {
        const std::size_t page = detail::page_size();
        const std::size_t from = shared_region::whole_pages(offset * sizeof(T));
        const std::size_t to = (offset + n) * sizeof(T) / page * page;
        if (from < to) {
            detail::discard_pages(slots_ + from, to - from);
        }
    }

    std::byte* slots_ = nullptr;
    geometry_type geometry_{};
    role role_ = role::producer;
    announcement<detail::native>* producer_ = nullptr;
    announcement<detail::native>* consumer_ = nullptr;
};

}  // namespace ferrule::inline v0::storage
