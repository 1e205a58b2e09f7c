// The threads of one end that sleep, or are about to. There is more than one only with guard::locked, whose mutex then
// protects the list; its nodes live on the sleepers' stacks.
#pragma once

#include <cstdint>
#include <optional>

namespace ferrule::inline v0::detail {

/// True if `position` is still to come for somebody who has come as far as `reached`.
[[nodiscard]] constexpr bool is_ahead(std::uint64_t position, std::uint64_t reached) noexcept {
    return position != reached && position - reached < std::uint64_t{1} << 63U;
}

/// Where somebody waits for the peer's cursor to come.
struct positions {
    std::uint64_t need;  ///< Where it could go on.
    std::uint64_t wake;  ///< Where it would like to be woken; not before `need`.
};

struct sleeper {
    positions at;
    bool called = false;
    sleeper* next = nullptr;
};

class sleepers {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    void add(sleeper& one) noexcept {
        one.next = first_;
        first_ = &one;
    }
    void remove(sleeper& one) noexcept {
        sleeper** at = &first_;
        while (*at != &one) {
            at = &(*at)->next;
        }
        *at = one.next;
    }

    /// The nearest positions of those whose `wake` is still ahead; nothing if there are none.
    [[nodiscard]] std::optional<positions> nearest(std::uint64_t reached) const noexcept {
        std::optional<positions> found;
        for (const sleeper* one = first_; one != nullptr; one = one->next) {
            if (!is_ahead(one->at.wake, reached)) {
                continue;
            }
            if (!found) {
                found = one->at;
            }
            found->need = is_ahead(found->need, one->at.need) ? one->at.need : found->need;
            found->wake = is_ahead(found->wake, one->at.wake) ? one->at.wake : found->wake;
        }
        return found;
    }

    /// Marks everybody but `me` whose position was reached as to be called. False if there was nobody.
    bool mark_reached(std::uint64_t reached, const sleeper& me) noexcept {
        bool any = false;
        for (sleeper* one = first_; one != nullptr; one = one->next) {
            if (one != &me && !is_ahead(one->at.wake, reached)) {
                any = one->called = true;
            }
        }
        return any;
    }
    void mark_all() noexcept {
        for (sleeper* one = first_; one != nullptr; one = one->next) {
            one->called = true;
        }
    }
    /// True while somebody who was marked has not left yet.
    [[nodiscard]] bool any_called() const noexcept {
        const sleeper* one = first_;
        while (one != nullptr && !one->called) {
            one = one->next;
        }
        return one != nullptr;
    }

private:
    sleeper* first_ = nullptr;
};

}  // namespace ferrule::inline v0::detail
