// The MSG_ flags of send() and recv(): which of them a stream knows, and what they come to.
#pragma once

#include <sys/socket.h>

#include <ferrule/concepts.hpp>

namespace ferrule::inline v0::net {

/// What a call was told; `known` is false if any of it is refused.
template <class How>
struct told_by_flags {
    bool known;
    How how;
};

/// MSG_DONTWAIT and MSG_NOSIGNAL are the stream's affair. MSG_MORE holds bytes back where they go by the socket; by the
/// ring they go at once. MSG_EOR, MSG_DONTROUTE and MSG_CONFIRM are passed on to the socket, and say nothing about a
/// ring. Refused: MSG_OOB, which has no place in the order of the stream; MSG_ZEROCOPY, because nobody would tell when
/// the ring is done with the memory; MSG_FASTOPEN, because the stream is connected; and what send() does not know.
[[nodiscard]] inline told_by_flags<send_how> told_to_send(int flags) noexcept {
    constexpr int passed_on = MSG_EOR | MSG_DONTROUTE | MSG_CONFIRM;
    send_how how;
    how.more = (flags & MSG_MORE) != 0;
    how.as_is = flags & passed_on;
    return {(flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | passed_on)) == 0, how};
}

/// MSG_PEEK, MSG_WAITALL and, over TCP, MSG_TRUNC, which throws away what it counts; AF_UNIX takes no notice of that.
/// MSG_NOSIGNAL and MSG_CMSG_CLOEXEC ask for nothing that a stream does. Refused: MSG_OOB; MSG_ERRQUEUE, which is about
/// the socket and not about the stream: recvmsg() on native_handle() does no harm; and what recv() does not know.
[[nodiscard]] inline told_by_flags<receive_how> told_to_receive(int flags, bool over_tcp) noexcept {
    constexpr int known = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC | MSG_PEEK | MSG_WAITALL | MSG_TRUNC;
    receive_how how;
    how.keep = (flags & MSG_PEEK) != 0;
    how.whole = (flags & MSG_WAITALL) != 0;
    how.discard = (flags & MSG_TRUNC) != 0 && over_tcp;
    return {(flags & ~known) == 0, how};
}

}  // namespace ferrule::inline v0::net
