// Sends a file to another process, example 06, through a ring in memory that the two share:
//     05_send_file NAME FILE        and        06_receive_file NAME COPY
// They find each other under NAME (an abstract AF_UNIX address), and what they say there is handed over once: the
// memory of the ring, and the pipes by which they wake each other.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ferrule/ferrule.hpp>
#include <ferrule/net/doorbells.hpp>
#include <ferrule/net/hand_over.hpp>
#include <span>

#include "meeting.hpp"

using ferrule::unique_fd;
using ferrule::net::send_descriptor;

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s NAME FILE\n", argv[0]);
        return 2;
    }
    const unique_fd file{open(argv[2], O_RDONLY | O_CLOEXEC)};
    struct stat about {};
    if (!file || fstat(file.get(), &about) != 0) {
        return failure(argv[2]);
    }
    unique_fd receiver = wait_for_visitor(argv[1]);
    if (!receiver) {
        return failure(argv[1]);
    }

    auto memory = ferrule::storage::shared<std::byte>::create(std::size_t{1} << 20U, ferrule::role::producer);
    auto bells = ferrule::net::make_doorbells();
    if (!memory || !bells) {
        std::fprintf(stderr, "no ring: %s\n", (memory ? bells.error() : memory.error()).message().c_str());
        return 1;
    }
    for (const int fd : {memory->fd(), bells->second.mine.get(), bells->second.theirs.get()}) {
        if (!send_descriptor(receiver.get(), fd)) {
            return failure("hand over");
        }
    }
    bells->second = {};  // The receiver has them; a copy here would hide its death.
    memory->close_fd();
    memory->watch_peer(std::move(receiver));

    shared_bytes ring{std::move(*memory), {.second = bells->first.waiter()}};
    auto tx = ring.claim_producer();
    const auto size = static_cast<std::uint64_t>(about.st_size);
    progress shown{"sent", size};
    (void)tx.try_write(std::as_bytes(std::span{&size, 1}));
    while (!shown.complete() && tx.wait_writable(1, ferrule::no_deadline) == ferrule::status::ok) {
        auto room = tx.prepare(1, std::min(tx.capacity() / 4, shown.left()));
        const auto parts = room.parts();
        const iovec pieces[2] = {{parts.front.data(), parts.front.size()}, {parts.back.data(), parts.back.size()}};
        const ssize_t n = readv(file.get(), pieces, 2);  // from the file into the ring
        if (n <= 0) {
            return shown.finish("the file ended early");
        }
        room.commit(static_cast<std::size_t>(n));
        shown.add(static_cast<std::uint64_t>(n));
    }
    tx.close();  // What is in the ring stays there for the receiver to read, whatever becomes of this process.
    return shown.finish("the receiver is gone");
}
