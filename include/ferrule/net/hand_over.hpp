// Handing a descriptor to another process, over an AF_UNIX socket that both have.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <ferrule/fd.hpp>
#include <ferrule/net/socket_option.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::net {

namespace detail {

/// A message of one byte, with room for exactly `Count` descriptors: the kernel closes what does not fit, and says that
/// it did.
template <std::size_t Count>
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
    alignas(::cmsghdr) std::byte room[CMSG_SPACE(Count * sizeof(int))]{};
    ::msghdr message{};
};

}  // namespace detail

/// Sends descriptors over `socket`, all in one message. The receiver gets some of its own; the caller keeps these.
/// EAFNOSUPPORT if `socket` is of another family than AF_UNIX.
template <std::size_t Count>
[[nodiscard]] inline result<void> send_descriptors(int socket, const std::array<int, Count>& fds) noexcept {
    const auto family = socket_option<int>(socket, SOL_SOCKET, SO_DOMAIN);
    if (!family) {
        return failed{errno};
    }
    if (*family != AF_UNIX) {
        return failed{EAFNOSUPPORT};  // TCP would send the byte, drop the descriptors and report success.
    }
    detail::envelope<Count> one;
    ::cmsghdr* const header = CMSG_FIRSTHDR(&one.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
    ::ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &one.message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent != 1) {
        return failed{sent < 0 ? errno : EIO};
    }
    return {};
}

/// Receives the descriptors that send_descriptors() sent: as many as are wanted, and nothing else, or an error (EBADMSG
/// if what came was something else, ECONNRESET if the other side is gone), with nothing left open. They are
/// close-on-exec.
template <std::size_t Count>
[[nodiscard]] inline result<std::array<unique_fd, Count>> receive_descriptors(int socket) noexcept {
    detail::envelope<Count> one;
    ::ssize_t received = 0;
    do {
        received = ::recvmsg(socket, &one.message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        return failed{errno};
    }
    std::array<unique_fd, Count> fds;
    std::size_t there = 0;
    bool as_expected = (one.message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
    for (::cmsghdr* header = CMSG_FIRSTHDR(&one.message); header != nullptr;
         header = CMSG_NXTHDR(&one.message, header)) {
        // SCM_PIDFD: a descriptor as well, of the kernel's, if the caller has set SO_PASSPIDFD.
        constexpr int pidfd = 4;
        if (header->cmsg_level != SOL_SOCKET || (header->cmsg_type != SCM_RIGHTS && header->cmsg_type != pidfd)) {
            as_expected = false;
            continue;
        }
        as_expected = as_expected && header->cmsg_type == SCM_RIGHTS;
        for (std::size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
            unique_fd arrived{fd};
            as_expected = as_expected && there != Count;
            if (there != Count) {
                fds[there++] = std::move(arrived);
            }
        }
    }
    if (received == 0) {
        return failed{ECONNRESET};
    }
    if (there != Count || !as_expected) {
        return failed{EBADMSG};
    }
    return fds;
}

/// The same for one.
[[nodiscard]] inline result<void> send_descriptor(int socket, int fd) noexcept {
    return send_descriptors(socket, std::array{fd});
}
[[nodiscard]] inline result<unique_fd> receive_descriptor(int socket) noexcept {
    auto one = receive_descriptors<1>(socket);
    if (!one) {
        return failed{one.error()};
    }
    return std::move(one->front());
}

}  // namespace ferrule::inline v0::net
