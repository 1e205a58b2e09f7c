#include <ferrule/ferrule.hpp>

int main() {
    ferrule::heap_ring<> ring{64};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    const std::byte sent[]{std::byte{4}, std::byte{2}};
    std::byte got[2]{};
    if (tx.try_write(sent) != 2 || rx.wait_readable(2, ferrule::no_deadline) != ferrule::status::ok)
        return 1;
    return rx.try_read(got) == 2 && got[0] == sent[0] && got[1] == sent[1] ? 0 : 1;
}
