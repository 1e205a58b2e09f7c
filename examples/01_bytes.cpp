#include <cstdio>
#include <ferrule/ferrule.hpp>
#include <thread>

int main() {
    ferrule::heap_ring<> ring{1 << 18};
    std::thread reader{[rx = ring.claim_consumer()]() mutable {
        std::byte buffer[4096];
        while (rx.wait_readable(1, ferrule::no_deadline) == ferrule::status::ok)
            std::fwrite(buffer, 1, rx.try_read(buffer), stdout);
    }};
    auto tx = ring.claim_producer();
    std::size_t sent = tx.try_write(std::as_bytes(std::span{"held together by a ring\n", 24}));
    tx.close();
    reader.join();
    return sent == 24 ? 0 : 1;
}
