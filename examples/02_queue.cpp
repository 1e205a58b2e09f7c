// A queue of elements that own memory: a reader thread counts the words of the lines it is handed.
#include <cstdio>
#include <ferrule/ferrule.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

int main() {
    using line = std::unique_ptr<std::string>;
    ferrule::heap_ring<line> ring{64};

    std::size_t words = 0;
    std::thread counter{[&words, rx = ring.claim_consumer()]() mutable {
        while (rx.wait_readable(1, ferrule::no_deadline) == ferrule::status::ok) {
            while (auto popped = rx.try_pop()) {  // std::optional<line>
                std::istringstream text{**popped};
                for (std::string word; text >> word;) {
                    ++words;
                }
            }
        }
    }};

    auto tx = ring.claim_producer();
    for (int i = 0; i != 1000; ++i) {
        auto next = std::make_unique<std::string>("three words " + std::to_string(i));
        while (!tx.try_push(std::move(next))) {  // moved from only if it went in
            (void)tx.wait_writable(1, ferrule::no_deadline);
        }
    }
    tx.close();
    counter.join();
    std::printf("%zu words\n", words);
}
