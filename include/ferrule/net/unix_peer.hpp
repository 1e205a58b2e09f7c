// Which AF_UNIX socket is at the other end: the kernel's socket diagnosis knows, and tells anybody.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include <ferrule/fd.hpp>

namespace ferrule::inline v0::net {

/// The inode of the socket that the AF_UNIX socket with this `inode` is connected to; nothing if the kernel does not
/// tell.
[[nodiscard]] inline std::optional<std::uint64_t> peer_inode(std::uint64_t inode) noexcept {
    const unique_fd diagnosis{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
    struct {
        ::nlmsghdr header;
        ::unix_diag_req about;
    } question{};
    question.header.nlmsg_len = sizeof question;
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST;
    question.about.sdiag_family = AF_UNIX;
    question.about.udiag_states = ~0U;
    question.about.udiag_ino = static_cast<std::uint32_t>(inode);
    question.about.udiag_show = UDIAG_SHOW_PEER;
    question.about.udiag_cookie[0] = question.about.udiag_cookie[1] = ~0U;
    if (!diagnosis || ::send(diagnosis.get(), &question, sizeof question, MSG_NOSIGNAL) != sizeof question) {
        return std::nullopt;
    }
    alignas(::nlmsghdr) std::byte answer[1024];
    const ::ssize_t size = ::recv(diagnosis.get(), answer, sizeof answer, 0);
    if (size < static_cast<::ssize_t>(NLMSG_LENGTH(sizeof(::unix_diag_msg)))) {
        return std::nullopt;
    }
    const auto* const header = reinterpret_cast<const ::nlmsghdr*>(answer);
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len > static_cast<std::uint32_t>(size)) {
        return std::nullopt;
    }
    // Attributes follow the message; the peer's inode is one of them.
    std::size_t at = NLMSG_LENGTH(sizeof(::unix_diag_msg));
    while (at + sizeof(::rtattr) <= header->nlmsg_len) {
        ::rtattr attribute{};
        std::memcpy(&attribute, answer + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > header->nlmsg_len) {
            break;
        }
        if (attribute.rta_type == UNIX_DIAG_PEER && attribute.rta_len == RTA_LENGTH(sizeof(std::uint32_t))) {
            std::uint32_t peer = 0;
            std::memcpy(&peer, answer + at + RTA_LENGTH(0), sizeof peer);
            // 0 is one that was closed, and is still being remembered.
            return peer != 0 ? std::optional<std::uint64_t>{peer} : std::nullopt;
        }
        at += RTA_ALIGN(attribute.rta_len);
    }
    return std::nullopt;
}

}  // namespace ferrule::inline v0::net
