// Where in the source the program under test orders memory: every access and fence that a thread of it executed, with
// its order. One site at a time can be weakened for a whole run; a program that does not notice proves nothing about
// that order.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "source_line.hpp"

namespace ferrule::model {

enum class site_kind : unsigned char { load, store, exchange, fence, heavy_fence, light_fence, barrier };

struct site {
    site_kind kind;
    std::memory_order order;
    source_line at;
};

/// One site, and what it is weakened to. A fence, or a whole barrier, with `memory_order_relaxed` is none.
struct weakening {
    site where;
    std::memory_order to;
};

class sites {
public:
    /// Notes the site. Returns the order to use: its own, unless this site is the one that is weakened.
    [[nodiscard]] std::memory_order order_at(site_kind kind, std::memory_order order, const source_line& at);

    void weaken(const weakening* one) noexcept { weakened_ = one; }
    /// Those of the library itself, in the order of the source.
    [[nodiscard]] std::vector<site> executed() const;
    /// Notes what was executed elsewhere.
    void add(const std::vector<site>& more);

private:
    struct slot {
        site what{};
        bool used = false;
    };
    std::vector<slot> table_ = std::vector<slot>(512);
    const weakening* weakened_ = nullptr;
};

/// All ways to weaken this site by one step.
[[nodiscard]] std::vector<weakening> weakenings_of(const site& one);

[[nodiscard]] const char* name_of(std::memory_order order) noexcept;
[[nodiscard]] const char* name_of(site_kind kind) noexcept;
[[nodiscard]] bool of_library(const source_line& at) noexcept;
[[nodiscard]] bool same(const site& a, const site& b) noexcept;
/// "end.hpp:265 store"
[[nodiscard]] std::string name_of(const site& one);

}  // namespace ferrule::model
