// Bytes arrive in order, whatever the sizes of the writes and reads, across the end of the storage and of the cursor.
#include <algorithm>
#include <array>
#include <span>

#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

constexpr std::byte at_position(std::size_t position) noexcept { return static_cast<std::byte>(position + 1); }

template <std::size_t N, class Cursor, std::uint64_t Start, std::size_t WriteSize, std::size_t ReadSize,
          std::size_t Total>
struct byte_stream : pipe<std::byte, N, Cursor, Start> {
    static constexpr unsigned threads = 2;

    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() { require(this->rx.readable_at_least() == 0, "bytes were left over"); }

private:
    void write_all() {
        for (std::size_t sent = 0; sent != Total;) {
            std::array<std::byte, WriteSize> bytes{};
            const std::size_t n = std::min(WriteSize, Total - sent);
            for (std::size_t i = 0; i != n; ++i) {
                bytes[i] = at_position(sent + i);
            }
            const std::size_t written = this->tx.try_write(std::span{bytes}.first(n));
            require(written <= n, "more was written than there was");
            sent += written;
            wait_unless(written != 0);
        }
    }
    void read_all() {
        for (std::size_t received = 0; received != Total;) {
            std::array<std::byte, ReadSize> bytes{};
            const std::size_t n = this->rx.try_read(bytes);
            require(n <= std::min(ReadSize, Total - received), "more was read than there was");
            for (std::size_t i = 0; i != n; ++i) {
                require(bytes[i] == at_position(received + i), "bytes out of order");
            }
            received += n;
            wait_unless(n != 0);
        }
    }
    static void wait_unless(bool moved) {
        if (!moved) {
            platform::pause();
        }
    }
};

template <class State>
void add(catalogue& to, const char* name) {
    to.push_back(entry_for<State>(std::string{"streams/"} + name, expectation::holds));
}

}  // namespace

void add_streams(catalogue& to) {
    add<byte_stream<1, cursor::cached, 0, 2, 2, 3>>(to, "3 bytes through 1, 2 at a time, cached");
    add<byte_stream<2, cursor::cached, 0, 2, 1, 4>>(to, "4 bytes through 2, written by 2, read by 1, cached");
    add<byte_stream<2, cursor::direct, before_the_wrap, 2, 2, 4>>(to,
                                                                  "4 bytes through 2, 2 at a time, direct, wrapping");
    add<byte_stream<4, cursor::cached, before_the_wrap, 2, 2, 6>>(to,
                                                                  "6 bytes through 4, 2 at a time, cached, wrapping");
    add<byte_stream<4, cursor::direct, before_the_wrap, 3, 2, 6>>(to,
                                                                  "6 bytes through 4, by 3 and 2, direct, wrapping");
}

}  // namespace ferrule::model
