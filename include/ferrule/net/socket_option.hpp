// getsockopt(2), with a type.
#pragma once

#include <sys/socket.h>

#include <optional>

namespace ferrule::inline v0::net {

/// What the option is set to; nothing, and errno, if the kernel does not tell.
template <class T>
[[nodiscard]] std::optional<T> socket_option(int fd, int level, int option) noexcept {
    T value{};
    ::socklen_t size = sizeof value;
    if (::getsockopt(fd, level, option, &value, &size) != 0) {
        return std::nullopt;
    }
    return value;
}

}  // namespace ferrule::inline v0::net
