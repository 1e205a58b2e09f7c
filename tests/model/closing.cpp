// Closing: the stream ends after its last element, never before it; a writer whose reader is gone stops.
#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

template <std::size_t N, class Cursor, std::uint64_t Start, std::uint32_t Count>
struct end_of_stream : pipe<std::uint32_t, N, Cursor, Start> {
    static constexpr unsigned threads = 2;

    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!this->tx.try_push(i)) {
                platform::pause();
            }
        }
        this->tx.close();
        require(!this->tx.try_push(Count), "a closed end still wrote");
    }
    void read_all() {
        std::uint32_t received = 0;
        while (!this->rx.finished()) {
            if (const auto popped = this->rx.try_pop()) {
                require(*popped == received++, "elements out of order");
            } else {
                platform::pause();
            }
        }
        require(received == Count, "finished before the last element was read");
        require(this->rx.state() == status::closed, "finished, but not closed");
        require(this->rx.finished(), "finished, and then not any more");
    }
};

/// The reader takes one element and closes.
template <std::size_t N, class Cursor>
struct reader_leaves : pipe<std::uint32_t, N, Cursor, before_the_wrap> {
    static constexpr unsigned threads = 2;

    void run(unsigned me) { me == 0 ? write_until_closed() : read_one(); }
    void settle() {}

private:
    void write_until_closed() {
        for (std::uint32_t i = 0; this->tx.state() == status::ok;) {
            if (this->tx.try_push(i)) {
                ++i;
            } else {
                platform::pause();
            }
        }
        require(this->tx.state() == status::closed, "the reader closed, and the writer says something else");
        require(!this->tx.try_push(0), "a push into a ring whose reader has gone");
    }
    void read_one() {
        auto popped = this->rx.try_pop();
        while (!popped) {
            platform::pause();
            popped = this->rx.try_pop();
        }
        this->rx.close();
        require(!this->rx.try_pop() && this->rx.finished(), "a closed end still read");
    }
};

template <class State>
void add(catalogue& to, const char* name) {
    to.push_back(entry_for<State>(std::string{"closing/"} + name, expectation::holds));
}

}  // namespace

void add_closing(catalogue& to) {
    add<end_of_stream<1, cursor::cached, 0, 2>>(to, "behind 2 elements through 1, cached");
    add<end_of_stream<2, cursor::cached, before_the_wrap, 2>>(to, "behind 2 elements through 2, cached, wrapping");
    add<end_of_stream<2, cursor::direct, 0, 2>>(to, "behind 2 elements through 2, direct");
    add<end_of_stream<4, holding_back, 0, 2>>(to, "behind 2 elements through 4, holding back");
    add<end_of_stream<4, cursor::cached, 0, 0>>(to, "of an empty stream");
    add<reader_leaves<1, cursor::cached>>(to, "by the reader, 1, cached");
    add<reader_leaves<2, cursor::direct>>(to, "by the reader, 2, direct");
}

}  // namespace ferrule::model
