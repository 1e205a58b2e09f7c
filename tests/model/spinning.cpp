// Spinning, and spinning before sleeping. A spinner may see something new at any look, or go through what is left of
// its budget without; or a yield shows it that the processor is wanted elsewhere.
#include <ferrule/waiter/spin.hpp>
#include <ferrule/waiter/then.hpp>

#include "catalogue.hpp"
#include "waits.hpp"

namespace ferrule::model {
namespace {

using spin = waiter::spin<1>;
template <class Barrier>
using spin_then_sleep = waiter::then<spin, futex<Barrier>>;

/// Waits with a deadline that comes before the budget is spent, as often as it takes.
template <class Waiter>
struct short_deadlines : pipe<std::uint32_t, 1, cursor::cached, 0, Waiter> {
    static constexpr unsigned threads = 2;
    void run(unsigned me) {
        if (me == 0) {
            require(this->tx.try_push(0U), "no room in an empty ring");
            return;
        }
        status now = status::timed_out;
        for (int tried = 0; tried != 2 && now == status::timed_out; ++tried) {
            now = this->rx.wait_readable(1, platform::now() + std::chrono::microseconds{1});
        }
        require(now == status::ok || now == status::timed_out, "neither there nor too late");
        require(this->rx.try_pop().has_value() || now == status::timed_out, "there, and then it was not");
    }
    void settle() {}
};

constexpr hazards may_give_up_once{.timeouts = true, .spins_cut = 1};
constexpr hazards may_give_up_twice{.timeouts = true, .spins_cut = 2};
constexpr hazards processor_is_wanted{.timeouts = true, .spins_cut = 1, .crowded = true};

template <class State>
void add(catalogue& to, const char* name, hazards may_happen, limits within = all_of_it, bool takes_long = false) {
    to.push_back(entry_for<State>(std::string{"spinning/"} + name, expectation::holds, may_happen, within, takes_long));
}

}  // namespace

void add_spinning(catalogue& to) {
    add<both_wait<1, cursor::cached, spin, 0, 1>>(to, "1 through 1, alone", may_give_up_once);
    add<both_wait<1, cursor::cached, spin, before_the_wrap, 2>>(to, "2 through 1, alone", may_give_up_twice, up_to(2));
    add<both_wait<1, cursor::cached, spin, 0, 1>>(to, "1 through 1, alone, crowded", processor_is_wanted, up_to(2));
    add<both_wait<1, cursor::cached, spin_then_sleep<asymmetric>, 0, 1>>(to, "1 through 1, then asleep, asymmetric",
                                                                         may_give_up_once, up_to(4));
    add<both_wait<1, cursor::cached, spin_then_sleep<symmetric>, before_the_wrap, 2>>(
        to, "2 through 1, then asleep, symmetric", may_give_up_twice, up_to(3), true);
    add<both_wait<1, cursor::cached, spin_then_sleep<asymmetric>, 0, 1>>(
        to, "1 through 1, then asleep, asymmetric, crowded", processor_is_wanted, up_to(3));
    add<short_deadlines<spin>>(to, "alone, with short deadlines", may_give_up_twice, up_to(3));
    add<short_deadlines<spin_then_sleep<asymmetric>>>(to, "then asleep, with short deadlines", may_give_up_twice,
                                                      up_to(3));
}

}  // namespace ferrule::model
