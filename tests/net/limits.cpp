// SO_RCVTIMEO and SO_SNDTIMEO end every wait, wherever it is, and no sooner.
#include <array>
#include <chrono>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/caller.hpp"
#include "../support/script.hpp"
#include "../support/system_calls.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;

namespace {

constexpr auto all_equipment = {equipment::plain, equipment::one, equipment::unopened, equipment::ring,
                                equipment::tiny_ring};
using clock_of_waits = std::chrono::steady_clock;

void set_limit(int fd, int option, std::chrono::milliseconds limit) {
    const ::timeval value{limit.count() / 1000, limit.count() % 1000 * 1000};
    REQUIRE(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) == 0);
}

}  // namespace

TEST_CASE("limits: a recv waits as long as SO_RCVTIMEO says, and what has come counts") {
    const watchdog watched{"SO_RCVTIMEO"};
    for (const auto kind : connections()) {
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::array<std::byte, 10> to{};
                set_limit(b.native_handle(), SO_RCVTIMEO, 30ms);
                for (const int flags : std::array<int, 3>{0, MSG_PEEK, MSG_WAITALL}) {
                    const auto begun = clock_of_waits::now();
                    CHECK(told(b.recv(to, flags)) == "EAGAIN");
                    CHECK(clock_of_waits::now() - begun >= 29ms);  // The kernel counts in ticks.
                }
                CHECK(told(a.send(std::span{to}.first(4))) == "4");
                const auto begun = clock_of_waits::now();
                CHECK(told(b.recv(to, MSG_WAITALL)) == "4");
                CHECK(clock_of_waits::now() - begun >= 29ms);
                // Whoever finds something does not wait, and none is for ever.
                CHECK(told(a.send(std::span{to}.first(4))) == "4");
                set_limit(b.native_handle(), SO_RCVTIMEO, 1000s);
                CHECK(told(b.recv(std::span{to}.first(4), MSG_WAITALL)) == "4");
                set_limit(b.native_handle(), SO_RCVTIMEO, 0ms);
                caller<std::string> sleeper{[&] { return told(b.recv(to)); }};
                CHECK(sleeper.sleeps());
                CHECK(told(a.send(std::array<std::byte, 1>{})) == "1");
                CHECK(sleeper.outcome() == "1");
            });
        }
    }
}

TEST_CASE("limits: a send waits as long as SO_SNDTIMEO says, and what was sent counts") {
    const watchdog watched{"SO_SNDTIMEO"};
    for (const bool spills : {false, true}) {
        net::options how;
        how.ring_capacity = 4096;
        how.overflow = spills ? splice::overflow::on_stall() : splice::overflow::never();
        for (const auto kind : connections()) {
            for (const auto with : all_equipment) {
                CAPTURE(to_string(kind));
                CAPTURE(to_string(with));
                with_ends(kind, with, how, [](auto& a, auto& b) {
                    set_limit(a.native_handle(), SO_SNDTIMEO, 30ms);
                    std::vector<std::byte> much(std::size_t{16} << 20U);
                    std::size_t sent = 0;
                    std::string last;
                    while (last.empty()) {
                        const auto begun = clock_of_waits::now();
                        const auto some = a.send(much);
                        CHECK(clock_of_waits::now() - begun >= 29ms);
                        sent += some.value_or(0);
                        last = some ? "" : told(some);
                        REQUIRE(some.value_or(0) != much.size());
                    }
                    CHECK(last == "EAGAIN");
                    CHECK(sent > 0);
                    for (std::size_t received = 0; received != sent;) {
                        const auto n = b.recv(much);
                        REQUIRE(n.value_or(0) != 0);
                        received += *n;
                    }
                    CHECK(told(b.recv(much, MSG_DONTWAIT)) == "EAGAIN");
                });
            }
        }
    }
}

TEST_CASE("limits: nobody asks for them before it has to sleep") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        const auto calls = system_calls([&] {
            auto pair = on_the_ring(connect(kind));
            set_limit(pair.second.native_handle(), SO_RCVTIMEO, 1ms);
            std::array<std::byte, 100> bytes{};
            bool right = true;
            mark();
            for (std::size_t size = 1; size != 100; ++size) {
                const auto some = std::span{bytes}.first(size);
                right = right && pair.first.send(some, MSG_NOSIGNAL).value_or(0) == size;
                right = right && pair.second.recv(some, MSG_PEEK).value_or(0) == size;
                right = right && pair.second.recv(some, MSG_WAITALL).value_or(0) == size;
            }
            mark();
            return right;
        });
        if (calls) {
            CHECK(calls->empty());
        }
    }
}
