// refused: cursor_policy
#include <ferrule/ferrule.hpp>

#if defined(MISTAKE)
struct forgetful {};
#else
struct forgetful {
    static bool enough(std::uint64_t, std::uint64_t) noexcept { return false; }
    static bool publish_now(std::uint64_t) noexcept { return true; }
};
#endif

int main() {
    ferrule::heap_ring<int> ring{4};
    return ring.claim_producer<forgetful>() ? 0 : 1;
}
