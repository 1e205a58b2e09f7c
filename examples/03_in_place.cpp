// Copies a file through a ring without a buffer of its own: readv(2) straight into the ring, writev(2) straight out of
// it. Usage: 03_in_place FROM TO
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <ferrule/ferrule.hpp>
#include <thread>

namespace {

/// The two pieces of a grant, as the kernel wants them.
void describe(const ferrule::span_pair<std::byte>& parts, ::iovec (&pieces)[2]) {
    pieces[0] = {parts.front.data(), parts.front.size()};
    pieces[1] = {parts.back.data(), parts.back.size()};
}

void read_all(int fd, ferrule::heap_ring<>::producer_type tx) {
    while (tx.wait_writable(1, ferrule::no_deadline) == ferrule::status::ok) {
        auto grant = tx.prepare(1, tx.capacity());
        ::iovec pieces[2];
        describe(grant.parts(), pieces);
        const ::ssize_t n = ::readv(fd, pieces, 2);
        if (n <= 0) {
            break;  // The grant is dropped, and publishes nothing.
        }
        grant.commit(static_cast<std::size_t>(n));
    }
    tx.close();
}

bool write_all(int fd, ferrule::heap_ring<>::consumer_type rx) {
    while (rx.wait_readable(1, ferrule::no_deadline) == ferrule::status::ok) {
        auto grant = rx.peek();
        ::iovec pieces[2];
        describe(grant.parts(), pieces);
        const ::ssize_t n = ::writev(fd, pieces, 2);
        if (n < 0) {
            return false;  // The consumer dies with this scope...
        }
        grant.release(static_cast<std::size_t>(n));
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const int from = argc == 3 ? ::open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    const int to = argc == 3 ? ::open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (from < 0 || to < 0) {
        std::fputs("usage: 03_in_place FROM TO, two files that can be opened\n", stderr);
        return 2;
    }
    ferrule::heap_ring<> ring{4096};
    std::thread reader{[from, tx = ring.claim_producer()]() mutable { read_all(from, std::move(tx)); }};
    const bool written = write_all(to, ring.claim_consumer());
    if (!written) {
        ring.claim_consumer().close();  // ...so the next one says that nobody reads any more.
        std::perror("writev");
    }
    reader.join();
    ::close(from);
    ::close(to);
    return written ? 0 : 1;
}
