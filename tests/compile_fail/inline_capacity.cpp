// refused: ferrule: a capacity must be a power of two
#include <ferrule/ferrule.hpp>

#if defined(MISTAKE)
ferrule::inline_ring<int, 12> ring;
#else
ferrule::inline_ring<int, 16> ring;
#endif
