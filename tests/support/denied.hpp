// System calls that fail from now on, for a child in which to see what is done about it.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace ferrule::test {

/// From now on `call` fails with `error`, or only when it has one of `bits` in argument `argument`. For good.
[[nodiscard]] inline bool denied(unsigned call, unsigned error, unsigned argument = 0, unsigned bits = 0) {
    const auto field = static_cast<unsigned>(offsetof(::seccomp_data, args) + argument * sizeof(std::uint64_t));
    const auto test = static_cast<unsigned short>(BPF_JMP | (bits == 0 ? BPF_JGE : BPF_JSET) | BPF_K);
    std::array<::sock_filter, 6> program{{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(::seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, call},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, field},
        {test, 0, 1, bits},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    }};
    const ::sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace ferrule::test
