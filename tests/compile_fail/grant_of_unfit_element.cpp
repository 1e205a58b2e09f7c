// refused: raw_element
#include <string>

#include <ferrule/ferrule.hpp>

int main() {
    ferrule::heap_ring<std::string> ring{4};
    auto tx = ring.claim_producer();
#if defined(MISTAKE)
    return tx.prepare(1, 1) ? 0 : 1;
#else
    return tx.try_push("moved or copied, one by one") ? 0 : 1;
#endif
}
