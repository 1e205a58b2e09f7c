#include <ferrule/result.hpp>
// The header under test comes first: it must stand alone.
#include <cerrno>
#include <cstddef>
#include <memory>
#include <system_error>
#include <type_traits>

#include <doctest/doctest.h>

#include "../support/dies.hpp"

using ferrule::failed;
using ferrule::result;

static_assert(sizeof(result<std::size_t>) == 2 * sizeof(std::size_t));
static_assert(std::is_trivially_copyable_v<result<std::size_t>>, "or a count does not come back in registers");
static_assert(sizeof(result<void>) == sizeof(int));
static_assert(!std::is_convertible_v<result<std::size_t>, bool>);

TEST_CASE("result: a value is true, and is the value") {
    const result<std::size_t> r{std::size_t{0}};
    CHECK(static_cast<bool>(r));
    CHECK(*r == 0);
    CHECK_FALSE(r.error());
    CHECK_FALSE(r.would_block());
    CHECK(r.value_or(7) == 0);
}

TEST_CASE("result: a failure is false, and says what the system said") {
    const result<std::size_t> r{failed{ECONNRESET}};
    CHECK_FALSE(static_cast<bool>(r));
    CHECK(r.error() == std::errc::connection_reset);
    CHECK(r.error() == std::error_code(ECONNRESET, std::system_category()));
    CHECK_FALSE(r.would_block());
    CHECK(r.value_or(7) == 7);
}

TEST_CASE("result: only what a wait could help would have blocked") {
    CHECK(result<std::size_t>{failed{EAGAIN}}.would_block());
    CHECK_FALSE(result<std::size_t>{failed{EINTR}}.would_block());
}

TEST_CASE("result: the value of a failure stops the program") {
    result<std::size_t> r{failed{EPIPE}};
    CHECK_DIES("the value of a result that is an error", (void)*r);
    const result<std::size_t> c{failed{EPIPE}};
    CHECK_DIES("the value of a result that is an error", (void)*c);
    result<std::unique_ptr<int>> p{failed{EPIPE}};
    CHECK_DIES("the value of a result that is an error", (void)p->get());
}

TEST_CASE("result: a value that can only be moved is moved in and out") {
    result<std::unique_ptr<int>> r{std::make_unique<int>(3)};
    CHECK(r->get() != nullptr);
    const std::unique_ptr<int> out = std::move(*r);
    CHECK(*out == 3);
}

TEST_CASE("result: whether something could be done is true or says why not") {
    CHECK(static_cast<bool>(result<void>{}));
    CHECK_FALSE(result<void>{}.error());
    const result<void> r{failed{ENOTCONN}};
    CHECK_FALSE(static_cast<bool>(r));
    CHECK(r.error() == std::errc::not_connected);
}
