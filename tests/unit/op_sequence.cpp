// Random programs of operations against a model. tests/fuzz runs the same body on programs a fuzzer finds.
#include "../support/op_sequence.hpp"

#include <random>
#include <vector>

#include <doctest/doctest.h>

TEST_CASE("op sequence: twenty thousand random programs agree with a deque") {
    std::mt19937_64 random{20261121};
    std::vector<std::uint8_t> program;
    for (int run = 0; run != 20'000; ++run) {
        program.resize(random() % 400);
        for (auto& op : program) {
            op = static_cast<std::uint8_t>(random());
        }
        ferrule::test::op_sequence::run(program);
    }
}
