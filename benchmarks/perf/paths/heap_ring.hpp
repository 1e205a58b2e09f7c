// Two rings in this process, one for each direction, with default policies.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <ferrule/ferrule.hpp>

namespace ferrule::bench {

struct heap_ring_path {
    static constexpr const char* name = "heap ring";
    static constexpr std::size_t capacity = 256 * 1024;

    struct rings {
        heap_ring<> there{capacity};
        heap_ring<> back{capacity};
    };

    class end {
    public:
        end(std::shared_ptr<rings> shared, heap_ring<>& out, heap_ring<>& in)
            : shared_{std::move(shared)}, tx_{out.claim_producer()}, rx_{in.claim_consumer()} {}

        void send(std::span<const std::byte> bytes) {
            for (;;) {
                bytes = bytes.subspan(tx_.try_write(bytes));
                if (bytes.empty()) {
                    return;
                }
                (void)tx_.wait_writable(1, no_deadline);
            }
        }

        [[nodiscard]] std::size_t receive(std::span<std::byte> to) {
            for (;;) {
                if (const std::size_t n = rx_.try_read(to); n != 0) {
                    return n;
                }
                if (rx_.wait_readable(1, no_deadline) == status::closed) {
                    return 0;
                }
            }
        }

        void finish_sending() { tx_.close(); }

    private:
        std::shared_ptr<rings> shared_;  // First: outlives the ends.
        heap_ring<>::producer_type tx_;
        heap_ring<>::consumer_type rx_;
    };

    [[nodiscard]] static std::pair<end, end> connect() {
        auto shared = std::make_shared<rings>();
        return {end{shared, shared->there, shared->back}, end{shared, shared->back, shared->there}};
    }
};

}  // namespace ferrule::bench
