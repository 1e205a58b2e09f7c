// An object of which every process has its own: a forked child begins without its parent's, which is what a child must
// know before it touches what it shares with its parent, and what the parent's locks must not keep it from.
#pragma once

#include <sys/mman.h>

#include <atomic>

#include <ferrule/detail/mirror.hpp>

namespace ferrule::inline v0::net {

/// Never destroyed: whoever lives longest may need it.
template <class T>
class per_process {
public:
    /// This process's; made by whoever needs it first. Throws what making one throws.
    [[nodiscard]] static T& here() {
        std::atomic<T*>& mine = slot();
        // Acquire ← the exchange below: the object whole.
        T* known = mine.load(std::memory_order_acquire);
        if (known == nullptr) {
            T* const made = new T;
            if (mine.compare_exchange_strong(known, made, std::memory_order_acq_rel, std::memory_order_acquire)) {
                known = made;
                // Relaxed: for leak checkers, which do not look at mapped pages.
                static constinit std::atomic<T*> kept{nullptr};
                kept.store(made, std::memory_order_relaxed);
            } else {
                delete made;
            }
        }
        return *known;
    }

    /// False if `object` was made by a process of which this one is a child. Cheap: one load.
    [[nodiscard]] static bool is_here(const T& object) noexcept {
        // Relaxed: compared, never followed.
        return slot().load(std::memory_order_relaxed) == &object;
    }

private:
    /// On a page that is empty in a child. Where the kernel has none such, a child seems to be its parent.
    [[nodiscard]] static std::atomic<T*>& slot() noexcept {
        static constinit std::atomic<std::atomic<T*>*> where{nullptr};
        // Acquire ← the exchange in make_slot(): the page mapped.
        std::atomic<T*>* const known = where.load(std::memory_order_acquire);
        return known != nullptr ? *known : make_slot(where);
    }

    [[gnu::noinline]] static std::atomic<T*>& make_slot(std::atomic<std::atomic<T*>*>& where) noexcept {
        static constinit std::atomic<T*> not_wiped{nullptr};
        const std::size_t page = ferrule::detail::page_size();
        std::atomic<T*>* made = &not_wiped;
        void* const mapped = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped != MAP_FAILED) {
            if (::madvise(mapped, page, MADV_WIPEONFORK) == 0) {
                made = new (mapped) std::atomic<T*>{nullptr};
            } else {
                ::munmap(mapped, page);
            }
        }
        std::atomic<T*>* known = nullptr;
        if (!where.compare_exchange_strong(known, made, std::memory_order_acq_rel, std::memory_order_acquire)) {
            if (made != &not_wiped) {
                ::munmap(mapped, page);
            }
            return *known;
        }
        return *made;
    }
};

}  // namespace ferrule::inline v0::net
