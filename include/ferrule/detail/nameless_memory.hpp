// A memfd: memory with a descriptor and no name, which goes when the last descriptor and mapping of it do.
#pragma once

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace ferrule::inline v0::detail {

/// A descriptor of `bytes` of zeros, close-on-exec and not executable; `flags` as memfd_create() knows them. -1 and
/// errno if there is none to be had.
[[nodiscard]] inline int make_nameless_memory(std::size_t bytes, unsigned flags = 0) noexcept {
    ::rlimit longest{};
    if (::getrlimit(RLIMIT_FSIZE, &longest) != 0 || bytes > longest.rlim_cur) {
        errno = EFBIG;  // ftruncate() would end the program with SIGXFSZ.
        return -1;
    }
    constexpr unsigned no_exec_seal = 8;  // MFD_NOEXEC_SEAL: some hosts insist on it, older kernels do not know it.
    int fd = ::memfd_create("ferrule", MFD_CLOEXEC | no_exec_seal | flags);
    if (fd < 0 && errno == EINVAL) {
        fd = ::memfd_create("ferrule", MFD_CLOEXEC | flags);
    }
    if (fd >= 0 && ::ftruncate(fd, static_cast<::off_t>(bytes)) != 0) {
        const int why = errno;
        ::close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

}  // namespace ferrule::inline v0::detail
