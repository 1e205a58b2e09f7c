// refused: ferrule: two processes share this ring: wait by waiter::futex<futex_scope::process_shared,
// barrier::symmetric>, waiter::spin, both, or waiter::never
#include <ferrule/ferrule.hpp>

int main() {
#if defined(MISTAKE)
    using waiter = ferrule::default_waiter;
#else
    using waiter = ferrule::shared_waiter;
#endif
    auto made = ferrule::storage::shared<std::byte>::create(64, ferrule::role::producer);
    ferrule::shared_ring<std::byte, waiter> ring{std::move(*made)};
    return ring.claim_producer() ? 0 : 1;
}
