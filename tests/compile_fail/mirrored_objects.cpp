// refused: ferrule: a mirrored ring shows an element at two addresses, so it must be trivially copyable
#include <string>
#include <string_view>

#include <ferrule/ferrule.hpp>

#if defined(MISTAKE)
ferrule::mirrored_ring<std::string> ring{4};
#else
ferrule::mirrored_ring<std::string_view> ring{4};
#endif
