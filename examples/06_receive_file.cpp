// Receives the file that example 05 sends, through the ring that it made. Trusts the sender with the bytes of the file
// and nothing else: what was handed over is verified, and whatever the sender writes into it, or if it dies, the worst
// that comes of it is a file that ends early.
#include <fcntl.h>
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

using ferrule::net::receive_descriptor;

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s NAME COPY\n", argv[0]);
        return 2;
    }
    ferrule::unique_fd sender = visit(argv[1]);
    if (!sender) {
        return failure(argv[1]);
    }
    auto handed = receive_descriptor(sender.get());
    auto mine = receive_descriptor(sender.get());
    auto theirs = receive_descriptor(sender.get());
    if (!handed || !mine || !theirs) {
        std::fprintf(stderr, "the sender handed over nothing\n");
        return 1;
    }
    auto memory = ferrule::storage::shared<std::byte>::attach(std::move(*handed), ferrule::role::consumer);
    if (!memory) {
        std::fprintf(stderr, "what the sender handed over is %s\n", memory.error().message().c_str());
        return 1;
    }
    memory->watch_peer(std::move(sender));
    const ferrule::unique_fd copy{open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!copy) {
        return failure(argv[2]);
    }

    shared_bytes ring{std::move(*memory), {.second = {.mine = mine->get(), .theirs = theirs->get()}}};
    auto rx = ring.claim_consumer();
    std::uint64_t size = 0;
    if (rx.wait_readable(sizeof size, ferrule::no_deadline) != ferrule::status::ok) {
        std::fprintf(stderr, "the sender is gone before it said anything\n");
        return 1;
    }
    (void)rx.try_read(std::as_writable_bytes(std::span{&size, 1}));
    progress shown{"received", size};
    while (!shown.complete() && rx.wait_readable(1, ferrule::no_deadline) == ferrule::status::ok) {
        auto there = rx.peek();
        const auto parts = there.parts().first(std::min(there.size(), shown.left()));
        const iovec pieces[2] = {{parts.front.data(), parts.front.size()}, {parts.back.data(), parts.back.size()}};
        const ssize_t n = writev(copy.get(), pieces, 2);  // from the ring into the file
        if (n < 0) {
            return failure(argv[2]);
        }
        there.release(static_cast<std::size_t>(n));
        shown.add(static_cast<std::uint64_t>(n));
    }
    return shown.finish(rx.state() == ferrule::status::corrupt ? "the sender made no sense" : "the sender is gone");
}
