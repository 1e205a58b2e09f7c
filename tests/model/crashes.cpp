// One side crashes, at any point of anything it does. What the other has then is a prefix, with everything in it that
// was sent by a call that returned; and it comes to an end.
#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

constexpr unsigned writer = 0;
constexpr unsigned reader = 1;

template <std::size_t N, class Cursor, std::uint64_t Start, std::uint32_t Count>
struct either_dies : pipe<std::uint32_t, N, Cursor, Start> {
    static constexpr unsigned threads = 2;
    std::uint32_t sent = 0;
    std::uint32_t received = 0;
    bool writer_died = false;

    void run(unsigned me) { me == writer ? write_all() : read_all(); }
    void settle() { require(received <= Count, "more arrived than was sent"); }

private:
    void write_all() {
        while (sent != Count) {
            if (this->tx.try_push(sent)) {
                ++sent;
            } else if (gone(reader)) {
                return;
            } else {
                platform::pause();
            }
        }
        this->tx.close();
    }
    void read_all() {
        while (!this->rx.finished()) {
            // Asked before the look, so that a look that finds nothing was made after the death.
            const bool last_look = gone(writer);
            if (const auto popped = this->rx.try_pop()) {
                require(*popped == received++, "not a prefix of what was sent");
            } else if (last_look) {
                require(received >= sent, "a call returned, and what it sent is lost");
                return;
            } else {
                platform::pause();
            }
        }
        require(received == Count, "finished before the last element was read");
    }
};

template <class State>
void add(catalogue& to, const char* name, thread_set may_crash) {
    hazards may_happen;
    may_happen.may_crash = may_crash;
    to.push_back(entry_for<State>(std::string{"crashes/"} + name, expectation::holds, may_happen));
}

}  // namespace

void add_crashes(catalogue& to) {
    constexpr thread_set the_writer = 1U << writer;
    constexpr thread_set the_reader = 1U << reader;
    add<either_dies<1, cursor::cached, 0, 2>>(to, "of the writer, 2 through 1, cached", the_writer);
    add<either_dies<2, cursor::direct, before_the_wrap, 2>>(to, "of the writer, 2 through 2, direct", the_writer);
    add<either_dies<1, cursor::direct, 0, 2>>(to, "of the reader, 2 through 1, direct", the_reader);
    add<either_dies<1, cursor::cached, before_the_wrap, 2>>(to, "of either, 2 through 1, cached",
                                                            the_writer | the_reader);
}

}  // namespace ferrule::model
