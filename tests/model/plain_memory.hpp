// Plain memory: which slots there are, and who touched each of them last. A data race is two accesses to one slot, one
// of them a write, that nothing orders; it is found whichever of them the schedule puts first, so a plain access need
// not be a step of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "view.hpp"

namespace ferrule::model {

enum class access { read, write };

class plain_memory {
public:
    void reset() noexcept { regions_used_ = 0; }

    /// Declares `cells` slots of `width` bytes. Everything outside of the declared slots is out of bounds.
    void declare(const void* base, std::size_t cells, std::size_t width);

    /// Returns what is wrong with this access, or nullptr. With `trusted` false only the bounds count.
    [[nodiscard]] const char* touch(const void* address, std::size_t bytes, access kind, unsigned thread,
                                    const view& knows, bool trusted) noexcept;

private:
    struct cell {
        unsigned writer = 0;
        std::uint32_t written = 0;
        std::array<std::uint32_t, max_threads> read{};
    };
    struct region {
        std::uintptr_t base = 0;
        std::size_t width = 1;
        std::vector<cell> cells;
    };

    static const char* touch(cell& slot, access kind, unsigned thread, const view& knows) noexcept;

    std::array<region, 4> regions_;
    std::size_t regions_used_ = 0;
};

}  // namespace ferrule::model
