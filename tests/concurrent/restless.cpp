// What two threads do to each other when neither is left alone between two accesses. Under ThreadSanitizer this is what
// makes it meet more than the few schedules that a quiet machine shows it.
#include "../support/restless_platform.hpp"
#include "../support/waiter_conformance.hpp"

using namespace ferrule;
using test::restless;

namespace {

using waiters =
    std::tuple<waiter::spin<>, waiter::futex<>, waiter::futex<futex_scope::process_private, barrier::symmetric>,
               waiter::eventfd, default_waiter>;
template <class W>
using conformance = test::waiter_conformance<W, restless>;

}  // namespace

TEST_CASE("restless: threads on this platform do yield in mid-operation") {
    restless::yields = 0;
    basic_ring<storage::heap<int>, waiter::futex<>, restless> ring{8};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    for (int i = 0; i != 100; ++i) {
        CHECK(tx.try_push(i));
        CHECK(rx.try_pop() == i);
    }
    CHECK(restless::yields > 10);
}

TEST_CASE_TEMPLATE_DEFINE("restless: a close ends every wait", W, restless_close) { conformance<W>::ends_on_close(); }
TEST_CASE_TEMPLATE_DEFINE("restless: no wake-up is lost", W, restless_ping_pong) {
    conformance<W>::loses_no_wake(1000);
}
TEST_CASE_TEMPLATE_DEFINE("restless: a stream flows between sleepers", W, restless_stream) {
    conformance<W>::carries_a_stream();
}
TEST_CASE_TEMPLATE_APPLY(restless_close, waiters);
TEST_CASE_TEMPLATE_APPLY(restless_ping_pong, waiters);
TEST_CASE_TEMPLATE_APPLY(restless_stream, waiters);

TEST_CASE_TEMPLATE("restless: two threads that sleep in one locked end are both woken", W, waiter::futex<>,
                   default_waiter) {
    conformance<W>::wakes_both_sleepers(500);
}
