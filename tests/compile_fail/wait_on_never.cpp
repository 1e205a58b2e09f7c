// refused: ferrule: nothing can wait on a ring with waiter::never: give the ring another waiter, or poll
#include <ferrule/ferrule.hpp>

int main() {
    ferrule::inline_ring<int, 4> ring;
    auto rx = ring.claim_consumer();
#if defined(MISTAKE)
    return rx.wait_readable(1, ferrule::no_deadline) == ferrule::status::ok ? 0 : 1;
#else
    return rx.try_pop() ? 0 : 1;
#endif
}
