// An element that knows how many of its kind are alive, and notices when a dead or hollow one is used.
#pragma once

#include <cstdint>
#include <utility>

namespace ferrule::test {

struct lives {
    int alive = 0;
    int constructed = 0;  ///< By value, copy or move.
    int copied = 0;
    int moved = 0;
    int destroyed = 0;
    int misused = 0;  ///< Read, copied, moved from or destroyed while not alive.
};

/// Counts in `lives` everything that happens to objects made with it. Move-only unless `Copyable`.
template <bool Copyable>
class tracked {
public:
    tracked(lives& count, std::uint64_t value) noexcept : count_{&count}, value_{value} { born(); }

    tracked(const tracked& other) noexcept requires Copyable : count_{other.count_}, value_{other.value()} {
        ++count_->copied;
        born();
    }
    tracked(tracked&& other) noexcept : count_{other.count_}, value_{other.value()} {
        ++count_->moved;
        born();
        other.value_ = hollow;
    }
    tracked& operator=(const tracked&) = delete;
    tracked& operator=(tracked&&) = delete;

    ~tracked() {
        if (sign_ != alive) {
            ++count_->misused;
        }
        sign_ = dead;
        --count_->alive;
        ++count_->destroyed;
    }

    [[nodiscard]] std::uint64_t value() const noexcept {
        if (sign_ != alive || value_ == hollow) {
            ++count_->misused;
        }
        return value_;
    }

private:
    static constexpr std::uint32_t alive = 0xA11FE;
    static constexpr std::uint32_t dead = 0xDEAD;
    static constexpr std::uint64_t hollow = ~std::uint64_t{0};

    void born() noexcept {
        sign_ = alive;
        ++count_->alive;
        ++count_->constructed;
    }

    lives* count_;
    std::uint64_t value_;
    std::uint32_t sign_ = dead;
};

using move_only = tracked<false>;
using copyable = tracked<true>;

}  // namespace ferrule::test
