#include <ferrule/ferrule.hpp>

std::size_t used_by_nobody() {
    ferrule::heap_ring<> ring{64};
    return ring.claim_producer().writable_at_least() + ring.claim_consumer().readable_at_least();
}
