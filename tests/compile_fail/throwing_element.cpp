// refused: ferrule: an element must be movable and destructible without throwing
#include <ferrule/ferrule.hpp>

struct half_way {
    half_way() = default;
#if defined(MISTAKE)
    half_way(half_way&&) noexcept(false) {}
#else
    half_way(half_way&&) noexcept {}
#endif
};

ferrule::heap_ring<half_way> ring{4};
