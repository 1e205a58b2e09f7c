// Waiting until a deadline: too late is said only when it is, and a peer that died is no reason to wait for ever.
#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

constexpr unsigned writer = 0;

platform::time_point soon() { return platform::now() + std::chrono::microseconds{1}; }

/// Each waits until a deadline at most, and gives up then. What was counted as sent is there.
template <class Barrier>
struct give_up_in_time : pipe<std::uint32_t, 1, cursor::cached, before_the_wrap, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    std::uint32_t sent = 0;
    std::uint32_t received = 0;

    void run(unsigned me) { me == writer ? write() : read(); }
    void settle() {
        received += this->rx.try_pop() ? 1U : 0U;
        require(received == sent, "an element was lost, or came twice");
    }

private:
    void write() {
        for (int tried = 0; tried != 2; ++tried) {
            const status now = this->tx.wait_writable(1, soon());
            require(now == status::ok || now == status::timed_out, "neither room nor too late");
            if (now == status::ok) {
                require(this->tx.try_push(sent++), "less room than was waited for");
            }
        }
    }
    void read() {
        const status now = this->rx.wait_readable(1, soon());
        require(now == status::ok || now == status::timed_out, "neither there nor too late");
        if (now == status::ok) {
            require(this->rx.try_pop() == received++, "fewer elements than were waited for");
        }
    }
};

/// The writer may die anywhere; the reader waits until a deadline, asks whether it did, and waits again.
template <std::size_t N, class Barrier>
struct writer_dies : pipe<std::uint32_t, N, cursor::cached, 0, futex<Barrier>> {
    static constexpr unsigned threads = 2;
    static constexpr std::uint32_t count = 1;
    std::uint32_t sent = 0;

    void run(unsigned me) { me == writer ? write_all() : read_all(); }
    void settle() {}

private:
    void write_all() {
        while (sent != count) {
            require(this->tx.try_push(sent), "no room in an empty ring");
            ++sent;
        }
        this->tx.close();
    }
    void read_all() {
        std::uint32_t received = 0;
        bool last_look = false;
        while (true) {
            const status now = this->rx.wait_readable(1, soon());
            if (now == status::ok) {
                require(this->rx.try_pop() == received++, "not a prefix of what was sent");
            } else if (now == status::closed) {
                require(received == count, "finished before the last element was read");
                return;
            } else if (last_look) {
                require(received >= sent, "a call returned, and what it sent is lost");
                return;
            } else {
                last_look = gone(writer);
                wait_unless(last_look);
            }
        }
    }
    static void wait_unless(bool dead) {
        if (!dead) {
            here().rest(source_line::current());
        }
    }
};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen = deadlines_pass, limits within = all_of_it,
         bool takes_long = false) {
    to.push_back(
        entry_for<State>(std::string{"deadlines/"} + name, expectation::holds, may_happen, within, takes_long));
}

}  // namespace

void add_deadlines(catalogue& to) {
    constexpr hazards writer_may_die{.may_crash = 1U << writer, .timeouts = true};
    add<give_up_in_time<symmetric>>(to, "both give up in time, symmetric", deadlines_pass, up_to(4));
    add<give_up_in_time<asymmetric>>(to, "both give up in time, asymmetric", deadlines_pass, up_to(4));
    add<give_up_in_time<symmetric>>(to, "both give up in time, woken by nobody", woken_by_nobody, up_to(2));
    add<writer_dies<1, symmetric>>(to, "the writer dies, symmetric", writer_may_die, up_to(3));
    add<writer_dies<2, asymmetric>>(to, "the writer dies, asymmetric", writer_may_die, up_to(4), true);
}

}  // namespace ferrule::model
