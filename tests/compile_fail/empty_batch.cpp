// refused: ferrule: a batch is of one element at least
#include <ferrule/ferrule.hpp>

int main() {
    ferrule::heap_ring<int> ring{4};
#if defined(MISTAKE)
    return ring.claim_producer<ferrule::cursor::batched<0>>() ? 0 : 1;
#else
    return ring.claim_producer<ferrule::cursor::batched<1>>() ? 0 : 1;
#endif
}
