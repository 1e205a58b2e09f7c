// refused: raw_element
#include <array>
#include <string>

#include <ferrule/ferrule.hpp>

int main() {
#if defined(MISTAKE)
    std::array<std::string, 4> alive;
    const ferrule::storage::borrowed<std::string> slots{std::span{alive}};
#else
    alignas(std::string) std::array<std::byte, 4 * sizeof(std::string)> raw;
    const ferrule::storage::borrowed<std::string> slots{std::span{raw}};
#endif
    return slots.geometry().capacity() == 4 ? 0 : 1;
}
