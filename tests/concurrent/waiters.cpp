// Every waiter keeps what tests/support/waiter_conformance.hpp asks of all of them.
#include "../support/waiter_conformance.hpp"

using ferrule::test::waiter_conformance;

TEST_CASE_TEMPLATE_DEFINE("waiter: keeps its deadline, through a storm of signals", W, keeps_its_deadline) {
    waiter_conformance<W>::keeps_its_deadline();
}
TEST_CASE_TEMPLATE_DEFINE("waiter: honours every amount exactly", W, honours_every_amount) {
    waiter_conformance<W>::honours_every_amount();
}
TEST_CASE_TEMPLATE_DEFINE("waiter: a close ends every wait", W, ends_on_close) {
    waiter_conformance<W>::ends_on_close();
}
TEST_CASE_TEMPLATE_DEFINE("waiter: no wake-up is lost", W, loses_no_wake) {
    waiter_conformance<W>::loses_no_wake(2000);
}
TEST_CASE_TEMPLATE_DEFINE("waiter: a stream flows between sleepers", W, carries_a_stream) {
    waiter_conformance<W>::carries_a_stream();
}

TEST_CASE_TEMPLATE_APPLY(keeps_its_deadline, ferrule::test::every_waiter);
TEST_CASE_TEMPLATE_APPLY(honours_every_amount, ferrule::test::every_waiter);
TEST_CASE_TEMPLATE_APPLY(ends_on_close, ferrule::test::every_waiter);
TEST_CASE_TEMPLATE_APPLY(loses_no_wake, ferrule::test::every_waiter);
TEST_CASE_TEMPLATE_APPLY(carries_a_stream, ferrule::test::every_waiter);

TEST_CASE_TEMPLATE("waiter: two threads that sleep in one locked end are both woken", W, ferrule::waiter::spin<>,
                   ferrule::waiter::futex<>, ferrule::default_waiter) {
    waiter_conformance<W>::wakes_both_sleepers(200);
}
