// refused: ferrule: what another process shall read must be trivially copyable
#include <ferrule/ferrule.hpp>

#include <string>

int main() {
#if defined(MISTAKE)
    using shared = ferrule::storage::shared<std::string>;
#else
    using shared = ferrule::storage::shared<int>;
#endif
    return shared::create(64, ferrule::role::producer) ? 0 : 1;
}
