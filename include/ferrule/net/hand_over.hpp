// Handing a descriptor to another process, over an AF_UNIX socket that both have.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <ferrule/fd.hpp>
#include <ferrule/net/socket_option.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::net {

namespace detail {

/// A message of one byte, with room for exactly one descriptor: the kernel closes what does not fit, and says that it
/// did.
struct envelope {
    envelope() noexcept {
        message.msg_iov = &text;
        message.msg_iovlen = 1;
        message.msg_control = room;
        message.msg_controllen = sizeof room;
    }
    envelope(const envelope&) = delete;
    envelope& operator=(const envelope&) = delete;

    char byte = 0;
    ::iovec text{&byte, 1};
    alignas(::cmsghdr) std::byte room[CMSG_SPACE(sizeof(int))]{};
    ::msghdr message{};
};

}  // namespace detail

/// Sends `fd` over `socket`. The receiver gets one of its own; the caller keeps this one. EAFNOSUPPORT if `socket` is
/// of another family.
[[nodiscard]] inline result<void> send_descriptor(int socket, int fd) noexcept {
    const auto family = socket_option<int>(socket, SOL_SOCKET, SO_DOMAIN);
    if (!family) {
        return failed{errno};
    }
    if (*family != AF_UNIX) {
        return failed{EAFNOSUPPORT};  // TCP would send the byte, drop the descriptor and report success.
    }
    detail::envelope one;
    ::cmsghdr* const header = CMSG_FIRSTHDR(&one.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ::ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &one.message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent != 1) {
        return failed{sent < 0 ? errno : EIO};
    }
    return {};
}

/// Receives the descriptor that send_descriptor() sent: one, and nothing else, or an error (EBADMSG if what came was
/// something else, ECONNRESET if the other side is gone), with nothing left open. It is close-on-exec.
[[nodiscard]] inline result<unique_fd> receive_descriptor(int socket) noexcept {
    detail::envelope one;
    ::ssize_t received = 0;
    do {
        received = ::recvmsg(socket, &one.message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        return failed{errno};
    }
    unique_fd first;
    bool only_one = true;
    for (::cmsghdr* header = CMSG_FIRSTHDR(&one.message); header != nullptr;
         header = CMSG_NXTHDR(&one.message, header)) {
        // SCM_PIDFD: a descriptor as well, of the kernel's, if the caller has set SO_PASSPIDFD.
        constexpr int pidfd = 4;
        if (header->cmsg_level != SOL_SOCKET || (header->cmsg_type != SCM_RIGHTS && header->cmsg_type != pidfd)) {
            only_one = false;
            continue;
        }
        only_one = only_one && header->cmsg_type == SCM_RIGHTS;
        for (std::size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
            only_one = only_one && !first;
            first = unique_fd{fd};
        }
    }
    if (received == 0) {
        return failed{ECONNRESET};
    }
    if (!first || !only_one || (one.message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
        return failed{EBADMSG};
    }
    return first;
}

}  // namespace ferrule::inline v0::net
