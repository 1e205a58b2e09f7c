// Memory that two processes share and neither can take away from the other: a memfd whose size is sealed, mapped piece
// by piece. It never has a name.
#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <ferrule/detail/nameless_memory.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::detail {

/// What keeps a peer from taking the memory away. Not F_SEAL_FUTURE_WRITE: whoever has the descriptor could map it
/// before, so that it would only keep the two sides from giving back pages they do not need; and a hole is zeros, which
/// a peer could have written as well.
inline constexpr int size_is_final = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/// A descriptor of `bytes` of zeros whose size can never change, or an errno.
[[nodiscard]] inline result<int> make_sealed_memory(std::size_t bytes) noexcept {
    const int fd = make_nameless_memory(bytes, MFD_ALLOW_SEALING);
    if (fd < 0) {
        return failed{errno};
    }
    if (::fcntl(fd, F_ADD_SEALS, size_is_final) != 0) {
        const int why = errno;
        ::close(fd);
        return failed{why};
    }
    return fd;
}

/// What a stranger's descriptor must be before any of it is mapped: memory of the kind made above, so that touching it
/// can neither fault nor wait for somebody else's file system; not empty. Its size in bytes, or the reason.
[[nodiscard]] inline result<std::size_t> size_of_sealed_memory(int fd) noexcept {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) {
        return failed{refusal::not_shared_memory};
    }
    if ((seals & size_is_final) != size_is_final) {
        return failed{refusal::not_sealed};
    }
    // hugetlbfs takes seals too, and may fault later, when its pool is empty.
    struct ::statfs system {};
    struct ::stat file {};
    if (::fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC || ::fstat(fd, &file) != 0 || file.st_size <= 0) {
        return failed{refusal::not_shared_memory};
    }
    return static_cast<std::size_t>(file.st_size);
}

enum class access_right : unsigned char { read, write };

/// Gives whole pages of a mapping that this process may write back to the system; they read as zeros from then on.
inline void discard_pages(std::byte* at, std::size_t bytes) noexcept { (void)::madvise(at, bytes, MADV_REMOVE); }

/// A stretch of shared memory in this process. A forked child does not have it, and a core dump neither.
class mapping {
public:
    mapping() noexcept = default;
    mapping(int fd, std::size_t at, std::size_t bytes, access_right right) noexcept : bytes_{bytes} {
        const int protection = right == access_right::write ? PROT_READ | PROT_WRITE : PROT_READ;
        void* const mapped = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<::off_t>(at));
        if (mapped == MAP_FAILED) {
            return;
        }
        if (::madvise(mapped, bytes, MADV_DONTFORK) != 0) {
            const int why = errno;
            ::munmap(mapped, bytes);
            errno = why;
            return;
        }
        (void)::madvise(mapped, bytes, MADV_DONTDUMP);
        at_ = static_cast<std::byte*>(mapped);
    }
    mapping(mapping&& other) noexcept
        : at_{std::exchange(other.at_, nullptr)}, bytes_{other.bytes_}, owner_{other.owner_} {}
    mapping& operator=(mapping&& other) noexcept {
        if (this != &other) {
            unmap();
            at_ = std::exchange(other.at_, nullptr);
            bytes_ = other.bytes_;
            owner_ = other.owner_;
        }
        return *this;
    }
    ~mapping() { unmap(); }

    [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
    [[nodiscard]] std::byte* data() const noexcept { return at_; }

private:
    void unmap() noexcept {
        // What lies there in a forked child is somebody else's.
        if (at_ != nullptr && ::getpid() == owner_) {
            ::munmap(at_, bytes_);
        }
    }

    std::byte* at_ = nullptr;
    std::size_t bytes_ = 0;
    ::pid_t owner_ = ::getpid();
};

}  // namespace ferrule::inline v0::detail
