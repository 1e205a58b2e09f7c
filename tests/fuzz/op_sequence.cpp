// libFuzzer's entry to tests/support/op_sequence.hpp.
#include "../support/op_sequence.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ferrule::test::op_sequence::run({data, size});
    return 0;
}
