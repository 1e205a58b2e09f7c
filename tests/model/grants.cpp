// Lent slots: nobody else touches them until they are committed or released, and a dropped grant publishes nothing.
#include "catalogue.hpp"
#include "rings.hpp"

namespace ferrule::model {
namespace {

template <std::size_t N, class Cursor, std::uint64_t Start, std::uint32_t Count>
struct lent : pipe<std::uint32_t, N, Cursor, Start> {
    static constexpr unsigned threads = 2;

    void run(unsigned me) { me == 0 ? write_all() : read_all(); }
    void settle() { require(!this->rx.peek(), "an element was left over"); }

private:
    void write_all() {
        // Written and dropped: must never arrive.
        if (auto dropped = this->tx.prepare(1, 1)) {
            put(dropped.parts(), 1, ~0U);
            platform::wrote(dropped.parts().front.data(), 1);
        }
        for (std::uint32_t next = 0; next != Count;) {
            auto grant = this->tx.prepare(1, Count - next);
            if (!grant) {
                platform::pause();
                continue;
            }
            const auto n = static_cast<std::uint32_t>(grant.size());
            put(grant.parts(), n, next);
            grant.commit(n);
            next += n;
        }
    }
    void read_all() {
        for (std::uint32_t expected = 0; expected != Count;) {
            auto grant = this->rx.peek();
            if (!grant) {
                platform::pause();
                continue;
            }
            const auto parts = grant.parts();
            require(parts.front[0] == expected, "elements out of order");
            if (!parts.back.empty()) {
                require(parts.back[0] == expected + parts.front.size(), "the second piece does not follow the first");
            }
            grant.release(1);
            ++expected;
        }
    }
    static void put(span_pair<std::uint32_t> slots, std::uint32_t n, std::uint32_t first) {
        for (std::uint32_t i = 0; i != n; ++i) {
            (i < slots.front.size() ? slots.front[i] : slots.back[i - slots.front.size()]) = first + i;
        }
    }
};

template <class State>
void add(catalogue& to, const char* name) {
    to.push_back(entry_for<State>(std::string{"grants/"} + name, expectation::holds));
}

}  // namespace

void add_grants(catalogue& to) {
    add<lent<1, cursor::cached, 0, 3>>(to, "3 through 1, cached");
    add<lent<2, cursor::cached, before_the_wrap, 4>>(to, "4 through 2, cached, wrapping");
    add<lent<2, cursor::direct, 0, 3>>(to, "3 through 2, direct");
    add<lent<4, cursor::direct, before_the_wrap, 4>>(to, "4 through 4, direct, wrapping");
}

}  // namespace ferrule::model
