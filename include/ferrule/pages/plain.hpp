// Pages as the kernel hands them out.
#pragma once

#include <sys/mman.h>

#include <cstddef>

#include <ferrule/concepts.hpp>

namespace ferrule::inline v0::pages {

struct plain {
    [[nodiscard]] static void* map(std::size_t bytes) noexcept {
        void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return at == MAP_FAILED ? nullptr : at;
    }
    static void unmap(void* at, std::size_t bytes) noexcept { ::munmap(at, bytes); }
    [[nodiscard]] static constexpr page_kind kind() noexcept { return page_kind::plain; }
};

}  // namespace ferrule::inline v0::pages
