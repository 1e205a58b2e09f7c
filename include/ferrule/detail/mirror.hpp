// The same memory twice, back to back: what is written behind its end appears at its beginning.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

#include <ferrule/detail/nameless_memory.hpp>

namespace ferrule::inline v0::detail {

[[nodiscard]] inline std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

/// Owns the two views. False where the kernel refuses any part of it; then nothing is left behind.
class mirror {
public:
    /// `bytes` must be whole pages.
    explicit mirror(std::size_t bytes) noexcept : bytes_{bytes} {
        const int fd = make_nameless_memory(bytes);
        if (fd < 0) {
            return;
        }
        // First room for both, then both over it: between two calls that asked for neighbouring addresses another
        // thread's mapping could slip in.
        void* const reserved =
            ::mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (reserved != MAP_FAILED) {
            auto* const at = static_cast<std::byte*>(reserved);
            if (maps(fd, at, bytes) && maps(fd, at + bytes, bytes) &&
                ::madvise(reserved, 2 * bytes, MADV_DONTFORK) == 0) {
                at_ = at;
            } else {
                ::munmap(reserved, 2 * bytes);
            }
        }
        ::close(fd);  // The mappings keep the memory.
    }
    mirror(const mirror&) = delete;
    mirror& operator=(const mirror&) = delete;
    ~mirror() {
        // A forked child has no views: what lies there by now is somebody else's.
        if (at_ != nullptr && ::getpid() == owner_) {
            ::munmap(at_, 2 * bytes_);
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
    [[nodiscard]] std::byte* data() const noexcept { return at_; }

private:
    [[nodiscard]] static bool maps(int fd, void* at, std::size_t bytes) noexcept {
        return ::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == at;
    }

    std::byte* at_ = nullptr;
    std::size_t bytes_;
    ::pid_t owner_ = ::getpid();
};

}  // namespace ferrule::inline v0::detail
