// ferrule-relacy: the ring and the wake protocol in relacy. Each program must hold as the library is, and fail when one
// kind of order is taken away from it; a program that cannot fail says nothing.
#include "platform.hpp"

namespace ferrule::relacy {
namespace {

constexpr auto forever = std::chrono::steady_clock::time_point::max();
constexpr std::uint64_t before_the_wrap = ~std::uint64_t{0} - 2;

template <std::size_t N, class Cursor, class Waiter, without Missing>
struct pipe {
    using ring_type = basic_ring<watched<storage::inlined<std::uint32_t, N>>, Waiter, platform<Missing>>;
    surroundings around;
    ring_type ring{Waiter{}, starting_at{before_the_wrap}};
    producer<ring_type, Cursor, guard::none> tx = ring.template claim_producer<Cursor, guard::none>();
    consumer<ring_type, Cursor, guard::none> rx = ring.template claim_consumer<Cursor, guard::none>();
};

/// Both sides try until they succeed.
template <std::size_t N, class Cursor, std::uint32_t Count, without Missing>
struct in_order : rl::test_suite<in_order<N, Cursor, Count, Missing>, 2>, pipe<N, Cursor, waiter::never, Missing> {
    void thread(unsigned me) {
        for (std::uint32_t i = 0; i != Count; ++i) {
            me == 0 ? push(i) : pop(i);
        }
    }

private:
    void push(std::uint32_t value) {
        while (!this->tx.try_push(value)) {
            platform<Missing>::pause();
        }
    }
    void pop(std::uint32_t expected) {
        auto popped = this->rx.try_pop();
        while (!popped) {
            platform<Missing>::pause();
            popped = this->rx.try_pop();
        }
        RL_ASSERT(*popped == expected);
    }
};

/// Both sides sleep whenever there is nothing to do; then the writer closes.
template <std::size_t N, class Cursor, std::uint32_t Count, without Missing>
struct both_sleep : rl::test_suite<both_sleep<N, Cursor, Count, Missing>, 2>,
                    pipe<N, Cursor, waiter::futex<futex_scope::process_private, barrier::symmetric>, Missing> {
    void thread(unsigned me) { me == 0 ? write_all() : read_all(); }

private:
    void write_all() {
        for (std::uint32_t i = 0; i != Count; ++i) {
            while (!this->tx.try_push(i)) {
                RL_ASSERT(this->tx.wait_writable(1, forever) == status::ok);
            }
        }
        this->tx.close();
    }
    void read_all() {
        std::uint32_t received = 0;
        while (this->rx.wait_readable(1, forever) == status::ok) {
            RL_ASSERT(this->rx.try_pop() == received);
            ++received;
        }
        RL_ASSERT(received == Count);
    }
};

unsigned wrong = 0;

template <class Test>
void expect(const char* name, bool to_hold, rl::scheduler_type_e search, rl::iteration_t iterations) {
    std::ostream nowhere{nullptr};
    rl::test_params how;
    how.search_type = search;
    how.context_bound = 2;
    how.iteration_count = iterations;
    how.output_stream = &nowhere;
    how.progress_stream = &nowhere;
    (void)rl::simulate<Test>(how);
    const bool held = how.test_result == rl::test_result_success;
    wrong += held == to_hold ? 0U : 1U;
    std::printf("%-4s %-48s %8s executions  %s\n", held == to_hold ? "ok" : "FAIL", name,
                std::to_string(how.stop_iteration).c_str(), rl::test_result_str(how.test_result));
    std::fflush(stdout);
}

constexpr auto at_random = rl::random_scheduler_type;

}  // namespace
}  // namespace ferrule::relacy

int main() {
    using namespace ferrule::relacy;
    using ferrule::cursor::cached;
    using ferrule::cursor::direct;
    constexpr rl::iteration_t many = 100'000;
    constexpr auto as_it_is = without::nothing;
    expect<in_order<1, cached, 4, as_it_is>>("4 through 1, cached", true, at_random, many);
    expect<in_order<2, cached, 4, as_it_is>>("4 through 2, cached", true, at_random, many);
    expect<in_order<4, direct, 6, as_it_is>>("6 through 4, direct", true, at_random, many);
    expect<in_order<2, cached, 4, without::release>>("4 through 2, without release", false, at_random, many);
    expect<in_order<2, cached, 4, without::acquire>>("4 through 2, without acquire", false, at_random, many);
    expect<both_sleep<1, cached, 2, as_it_is>>("both sleep, 2 through 1", true, at_random, many);
    expect<both_sleep<2, direct, 3, as_it_is>>("both sleep, 3 through 2", true, at_random, many);
    expect<both_sleep<4, cached, 6, as_it_is>>("both sleep, 6 through 4", true, at_random, many);
    expect<both_sleep<1, cached, 2, without::fence>>("both sleep, without the barrier", false, at_random, many);
    std::printf("relacy: %s\n", wrong == 0 ? "ok" : "NOT OK");
    return wrong == 0 ? 0 : 1;
}
