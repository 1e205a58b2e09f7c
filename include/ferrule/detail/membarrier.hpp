// The membarrier system call: a full barrier in every running thread of this process, paid for by the caller alone.
#pragma once

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ferrule::inline v0::detail {

/// Makes this process one that may ask for it. False where the kernel does not know it or a filter forbids it.
[[nodiscard]] inline bool register_membarrier() noexcept {
    static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    return registered;
}

/// Every thread of this process passes a full barrier between this call and its return.
[[nodiscard]] inline bool membarrier() noexcept {
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace ferrule::inline v0::detail
