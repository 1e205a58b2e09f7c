// The two ends of a connection meet once, and nobody meets one that has left.
#include <ferrule/net/registry.hpp>

#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../support/watchdog.hpp"

using namespace ferrule;
using net::reason;

namespace {

struct member {
    bool stale = false;
    int met = 0;
    bool alive = true;
};
using meeting_place = net::registry<member>;

net::connection_name name_of(std::uint16_t here, std::uint16_t there) {
    net::connection_name name;
    name.space = 1;
    name.here.port = here;
    name.there.port = there;
    return name;
}

reason enter(meeting_place& place, const net::connection_name& name, member& who) {
    return place.enter(
        name, who, [](const member& holder) { return holder.stale; },
        [&who](member& other) {
            ++who.met;
            ++other.met;
            return other.alive ? reason::none : reason::not_connected;
        });
}

}  // namespace

TEST_CASE("registry: two with names that are each other's reverse meet, when the second one comes") {
    meeting_place place;
    member a;
    member b;
    CHECK(enter(place, name_of(1, 2), a) == reason::peer_not_found);
    CHECK(enter(place, name_of(2, 1), b) == reason::none);
    CHECK(a.met == 1);
    CHECK(b.met == 1);
}

TEST_CASE("registry: others do not meet") {
    meeting_place place;
    member a;
    member b;
    CHECK(enter(place, name_of(1, 2), a) == reason::peer_not_found);
    auto elsewhere = name_of(2, 1);
    elsewhere.space = 2;
    CHECK(enter(place, elsewhere, b) == reason::peer_not_found);
    CHECK(enter(place, name_of(2, 3), b) == reason::peer_not_found);
    CHECK(enter(place, name_of(3, 1), b) == reason::peer_not_found);
}

TEST_CASE("registry: a name has one holder, until it leaves or is stale") {
    meeting_place place;
    member a;
    member second;
    CHECK(enter(place, name_of(1, 2), a) == reason::peer_not_found);
    CHECK(enter(place, name_of(1, 2), second) == reason::sibling);
    place.leave(name_of(1, 2), second);  // Takes nothing away from who has it.
    CHECK(enter(place, name_of(1, 2), second) == reason::sibling);
    a.stale = true;
    CHECK(enter(place, name_of(1, 2), second) == reason::peer_not_found);
    place.leave(name_of(1, 2), a);
    member b;
    CHECK(enter(place, name_of(2, 1), b) == reason::none);
    CHECK(a.met == 0);
    CHECK(second.met == 1);
}

TEST_CASE("registry: nobody meets one that has left") {
    meeting_place place;
    member a;
    member b;
    CHECK(enter(place, name_of(1, 2), a) == reason::peer_not_found);
    place.leave(name_of(1, 2), a);
    CHECK(enter(place, name_of(2, 1), b) == reason::peer_not_found);
    CHECK(a.met == 0);
}

TEST_CASE("registry: one that could not be paired keeps its name") {
    meeting_place place;
    member a;
    member b;
    a.alive = false;
    CHECK(enter(place, name_of(1, 2), a) == reason::peer_not_found);
    CHECK(enter(place, name_of(2, 1), b) == reason::not_connected);
    member c;
    CHECK(enter(place, name_of(2, 1), c) == reason::sibling);
}

TEST_CASE("registry: nobody leaves while another one meets him") {
    const ferrule::test::watchdog watched{"many that come and go"};
    meeting_place place;
    int dead_ones_met[2] = {};
    std::vector<std::thread> threads;
    for (const std::uint16_t side : {std::uint16_t{0}, std::uint16_t{1}}) {
        threads.emplace_back([&place, &dead_ones_met, side] {
            for (int round = 0; round != 5000; ++round) {
                member me;
                const auto name = side == 0 ? name_of(1, 2) : name_of(2, 1);
                dead_ones_met[side] += enter(place, name, me) == reason::not_connected ? 1 : 0;
                place.leave(name, me);
                me.alive = false;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(dead_ones_met[0] + dead_ones_met[1] == 0);
}
