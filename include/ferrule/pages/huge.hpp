// Huge pages, for rings of many megabytes: one entry of the TLB instead of 512, and as many fewer page faults.
//
// First from the pool an administrator has set aside (vm.nr_hugepages): whoever gets those has them. Otherwise pages
// that the kernel is advised to make huge, which it does when they are first touched, or later, or not at all; nobody
// is told. Otherwise plain ones. A ring smaller than one huge page gets plain ones, and no part of one goes to waste;
// larger ones are rounded up to whole ones.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include <ferrule/concepts.hpp>
#include <ferrule/pages/plain.hpp>

namespace ferrule::inline v0::pages {

class huge {
public:
    /// What both x86-64 and aarch64 have, the latter with pages of 4 KiB as well as of 64 KiB.
    static constexpr std::size_t size = std::size_t{1} << 21U;

    [[nodiscard]] void* map(std::size_t bytes) noexcept {
        if (bytes >= size) {
            if (void* const at = from_the_pool(whole(bytes)); at != nullptr) {
                kind_ = page_kind::huge;
                return at;
            }
            if (void* const at = advised(whole(bytes)); at != nullptr) {
                kind_ = page_kind::advised;
                return at;
            }
        }
        return plain::map(bytes);
    }
    void unmap(void* at, std::size_t bytes) noexcept {
        plain::unmap(at, kind_ == page_kind::plain ? bytes : whole(bytes));
    }
    [[nodiscard]] page_kind kind() const noexcept { return kind_; }

private:
    [[nodiscard]] static constexpr std::size_t whole(std::size_t bytes) noexcept {
        return (bytes + size - 1) / size * size;
    }

    [[nodiscard]] static void* from_the_pool(std::size_t bytes) noexcept {
        constexpr int of_that_size = 21 << 26;  // MAP_HUGE_2MB, which <sys/mman.h> does not have.
        void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | of_that_size, -1, 0);
        return at == MAP_FAILED ? nullptr : at;
    }

    /// Only pages that begin where a huge one may begin can become huge, and a kernel may map anywhere: hence almost
    /// one more than is needed, and back with what sticks out.
    [[nodiscard]] static void* advised(std::size_t bytes) noexcept {
        constexpr std::size_t spare = size - 4096;
        void* const at = plain::map(bytes + spare);
        if (at == nullptr) {
            return nullptr;
        }
        auto* const begin = static_cast<std::byte*>(at);
        const std::size_t before = (size - reinterpret_cast<std::uintptr_t>(begin) % size) % size;
        if (before != 0) {
            plain::unmap(begin, before);
        }
        if (before != spare) {
            plain::unmap(begin + before + bytes, spare - before);
        }
        if (::madvise(begin + before, bytes, MADV_HUGEPAGE) != 0) {
            plain::unmap(begin + before, bytes);
            return nullptr;
        }
        return begin + before;
    }

    page_kind kind_ = page_kind::plain;
};

}  // namespace ferrule::inline v0::pages
