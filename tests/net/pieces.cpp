// sendv() and recvv(): memory in pieces goes and comes as one message of a stream would.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "../support/caller.hpp"
#include "../support/script.hpp"
#include "../support/system_calls.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr auto all_equipment = {equipment::plain, equipment::one, equipment::unopened, equipment::ring,
                                equipment::tiny_ring};

/// `bytes`, cut into pieces of these sizes, over and over.
std::vector<::iovec> cut(std::span<std::byte> bytes, std::initializer_list<std::size_t> sizes) {
    std::vector<::iovec> list;
    for (std::size_t at = 0; at != bytes.size();) {
        for (const std::size_t size : sizes) {
            const std::size_t n = std::min(size, bytes.size() - at);
            list.push_back({bytes.data() + at, n});
            at += n;
        }
    }
    return list;
}

}  // namespace

TEST_CASE("pieces: what is sent in pieces arrives in order, and is received into others") {
    const watchdog watched{"pieces"};
    for (const auto kind : connections()) {
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::array<std::byte, 1000> from{};
                std::uint64_t at = 0;
                for (const std::size_t size : {1U, 2U, 3U, 10U, 17U, 100U, 1000U}) {
                    const auto bytes = std::span{from}.first(size);
                    fill_pattern(bytes, at);
                    CHECK(a.sendv(cut(bytes, {3, 0, 5, 1})).value_or(0) == size);
                    std::array<std::byte, 1000> to{};
                    const auto room = std::span{to}.first(size);
                    if (size % 2 == 0) {
                        CHECK(b.recvv(cut(room, {0, 2, 7}), MSG_WAITALL).value_or(0) == size);
                    } else {
                        // A prefix, of at least a byte.
                        for (std::size_t got = 0; got != size;) {
                            const auto n = b.recvv(cut(room.subspan(got), {1, 4}));
                            REQUIRE(n.value_or(0) != 0);
                            got += *n;
                        }
                    }
                    CHECK(is_pattern(room, at));
                    at += size;
                }
            });
        }
    }
}

TEST_CASE("pieces: flags go for all of them together") {
    const watchdog watched{"pieces and flags"};
    for (const auto kind : connections()) {
        for (const auto with : all_equipment) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [&](auto& a, auto& b) {
                std::array<std::byte, 40> from{};
                fill_pattern(from, 0);
                std::array<std::byte, 40> to{};
                const auto room = cut(to, {1, 9, 2});
                CHECK(told(b.recvv(room, MSG_DONTWAIT)) == "EAGAIN");
                CHECK(a.sendv(cut(from, {30, 3}), MSG_MORE | MSG_DONTWAIT).value_or(0) == 40);
                if (is_tcp(kind) && with != equipment::tiny_ring) {
                    CHECK(told(b.recvv(room, MSG_PEEK | MSG_WAITALL)) == "40");
                    CHECK(is_pattern(to, 0));
                }
                to = {};
                CHECK(told(b.recvv(std::span{room}.first(2), MSG_WAITALL)) == "10");
                CHECK(is_pattern(std::span{to}.first(10), 0));
                CHECK(told(b.recvv(std::span{room}.subspan(2), MSG_WAITALL)) == "30");
                CHECK(is_pattern(to, 0));
                CHECK(a.shutdown(SHUT_WR));
                CHECK(told(b.recvv(room)) == "0");
                CHECK(told(a.sendv(cut(from, {30, 3}), MSG_NOSIGNAL)) == "EPIPE");
            });
        }
    }
}

TEST_CASE("pieces: lists that the system would refuse are refused, and empty ones are no harm") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        std::string as_plain;
        for (const auto with : all_equipment) {
            CAPTURE(to_string(with));
            const auto outcome = with_ends(kind, with, {}, [](auto& a, auto& b) {
                std::byte byte{};
                std::vector<::iovec> many(1025, ::iovec{&byte, 1});
                std::string all = told(a.sendv(many)) + " " + told(b.recvv(many)) + " ";
                many.resize(1024);
                all += told(a.sendv(many)) + " ";
                for (std::size_t got = 0; got != 1024;) {
                    const auto n = b.recvv(many, MSG_WAITALL);
                    REQUIRE(n.value_or(0) != 0);
                    got += *n;
                }
                const ::iovec huge{&byte, ~std::size_t{0}};
                all += told(a.sendv(std::span{&huge, 1})) + " " + told(b.recvv(std::span{&huge, 1})) + " ";
                const std::array<::iovec, 2> empty{::iovec{&byte, 0}, ::iovec{&byte, 0}};
                all += told(a.sendv(empty)) + " " + told(a.sendv({})) + " ";
                all += told(a.send({&byte, 1})) + " ";
                all += told(b.recv({&byte, 1}, MSG_WAITALL));
                return all;
            });
            as_plain = with == equipment::plain ? outcome : as_plain;
            CHECK(outcome == as_plain);
        }
    }
}

TEST_CASE("pieces: by the ring without a system call, by the socket in one") {
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        for (const bool spliced : {true, false}) {
            CAPTURE(spliced);
            const auto calls = system_calls([&] {
                auto ends = connect(kind);
                net::options how;
                how.pairing = spliced ? net::pairing::automatic : net::pairing::off;
                auto pair = spliced ? on_the_ring(std::move(ends), how) : adopt(std::move(ends), how);
                std::array<std::byte, 600> bytes{};
                const auto list = cut(bytes, {1, 2, 3});
                mark();
                const bool right = pair.first.sendv(list, MSG_NOSIGNAL).value_or(0) == bytes.size() &&
                                   pair.second.recvv(list, MSG_WAITALL).value_or(0) == bytes.size();
                mark();
                return right;
            });
            if (calls) {
                CHECK(*calls == (spliced ? call_counts{} : call_counts{{SYS_sendmsg, 1}, {SYS_recvmsg, 1}}));
            }
        }
    }
}

TEST_CASE("pieces: a list that is more than a ring holds goes on in the middle of a piece") {
    const watchdog watched{"a long list"};
    for (const auto kind : connections()) {
        CAPTURE(to_string(kind));
        net::options how;
        how.ring_capacity = 64;
        auto pair = on_the_ring(connect(kind), how);
        std::vector<std::byte> from(20'000);
        fill_pattern(from, 0);
        std::vector<std::byte> to(from.size());
        caller<std::string> sender{[&] { return told(pair.first.sendv(cut(from, {50, 30, 0, 1}))); }};
        CHECK(told(pair.second.recvv(cut(to, {40, 100}), MSG_WAITALL)) == "20000");
        CHECK(is_pattern(to, 0));
        CHECK(sender.outcome() == "20000");
    }
}
