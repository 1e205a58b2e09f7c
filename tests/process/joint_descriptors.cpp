// The descriptors that a stranger says are half of a joint: a refusal by name and nothing kept, or a joint that works,
// if without being woken.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/net/shared_joint.hpp>
#include <ferrule/net/stream.hpp>

#include "../support/held.hpp"
#include "../support/strangers.hpp"
#include "../support/streams.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

constexpr std::size_t capacity = strangers::capacity;

[[nodiscard]] unique_fd another(int fd) { return unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; }

[[nodiscard]] net::shared_joint::offer good_joint() {
    auto made = net::shared_joint::make(capacity);
    REQUIRE(made);
    return std::move(*made);
}
/// Of one in whose other half nobody is interested.
[[nodiscard]] unique_fd good_memory() { return std::move(good_joint().there.memory); }

/// One of the four descriptors that are bells: which, and which end of its pipe it must be.
struct place {
    const char* what;
    unique_fd& (*in)(net::joint_half&);
    bool reads;
};
constexpr std::array places{
    place{"out.mine", [](net::joint_half& h) -> unique_fd& { return h.out.mine; }, true},
    place{"out.theirs", [](net::joint_half& h) -> unique_fd& { return h.out.theirs; }, false},
    place{"in.mine", [](net::joint_half& h) -> unique_fd& { return h.in.mine; }, true},
    place{"in.theirs", [](net::joint_half& h) -> unique_fd& { return h.in.theirs; }, false},
};

[[nodiscard]] std::array<unique_fd, 2> new_pipe(int flags = 0) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK | flags) == 0);
    return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

/// Puts something else in a place. False if this machine has no such thing.
struct forgery {
    const char* what;
    std::function<bool(net::joint_half&, const place&)> commit;
};

/// Nothing that rings, or nothing that tells when nobody is left who could.
[[nodiscard]] std::vector<forgery> no_bells() {
    std::vector<forgery> all;
    const auto put = [&](const char* what, std::function<unique_fd()> make) {
        all.push_back({what, [make = std::move(make)](net::joint_half& half, const place& where) {
                           auto fd = make();
                           const bool made = static_cast<bool>(fd);
                           where.in(half) = std::move(fd);
                           return made;
                       }});
    };
    all.push_back({"none", [](net::joint_half& half, const place& where) {
                       where.in(half).reset();
                       return true;
                   }});
    put("one that was closed", [] { return unique_fd{1'000'000}; });
    put("a file", [] { return unique_fd{::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)}; });
    put("a file that is only read", [] { return unique_fd{::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)}; });
    put("a device that is only written", [] { return unique_fd{::open("/dev/null", O_WRONLY | O_CLOEXEC)}; });
    put("a device that is only read", [] { return unique_fd{::open("/dev/zero", O_RDONLY | O_CLOEXEC)}; });
    put("a directory", [] { return unique_fd{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; });
    put("memory", good_memory);
    put("an eventfd", [] { return unique_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}; });
    put("an epoll", [] { return unique_fd{::epoll_create1(EPOLL_CLOEXEC)}; });
    put("a socket", [] {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        return one_of(ends);
    });
    put("both ends of a pipe", [] { return reopened(new_pipe()[0].get(), O_RDWR | O_NONBLOCK); });
    put("a pipe that may only be named", [] { return reopened(new_pipe()[0].get(), O_PATH); });
    all.push_back({"the wrong end of a pipe", [](net::joint_half& half, const place& where) {
                       where.in(half) = std::move(new_pipe()[where.reads ? 1 : 0]);
                       return true;
                   }});
    for (const bool same_role : {false, true}) {
        all.push_back({"the pipe of another place", [same_role](net::joint_half& half, const place& where) {
                           for (const auto& other : places) {
                               if (other.what != where.what && (other.reads == where.reads) == same_role) {
                                   where.in(half) =
                                       reopened(other.in(half).get(), (where.reads ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
                                   return static_cast<bool>(where.in(half));
                               }
                           }
                           return false;
                       }});
    }
    return all;
}

/// Pipes, but not as they are wanted: they wake too often, or never.
[[nodiscard]] std::vector<forgery> poor_bells() {
    const auto set = [](int flag, bool on) {
        return [=](net::joint_half& half, const place& where) {
            const int fd = where.in(half).get();
            const int flags = ::fcntl(fd, F_GETFL);
            return ::fcntl(fd, F_SETFL, on ? flags | flag : flags & ~flag) == 0;
        };
    };
    return {
        {"appended to", set(O_APPEND, true)},
        {"in packets", set(O_DIRECT, true)},
        {"with signals", set(O_ASYNC, true)},
        {"that waits", set(O_NONBLOCK, false)},
        {"of another process altogether",
         [](net::joint_half& half, const place& where) {
             // Nobody has its other end.
             where.in(half) = std::move(new_pipe()[where.reads ? 0 : 1]);
             return true;
         }},
        {"full",
         [](net::joint_half& half, const place& where) {
             const auto writable = reopened(where.in(half).get(), O_WRONLY | O_NONBLOCK);
             const std::array<std::byte, 4096> much{};
             while (::write(writable.get(), much.data(), much.size()) > 0) {
             }
             return static_cast<bool>(writable);
         }},
    };
}

/// Both ways, by calls that do not wait and by some that do.
[[nodiscard]] bool can_talk(net::stream& here, net::stream& there) {
    const auto talk = [](net::stream& from, net::stream& to) {
        keyed_sender out;
        keyed_receiver in;
        for (std::size_t i = 0; i != 300; ++i) {
            const std::size_t size = 1 + i * 7 % 2000;
            if (out.send(from, size, MSG_DONTWAIT).value_or(0) != size ||
                !in.receive_until(to, out.position(), i % 2 == 0 ? 100 : 3000)) {
                return false;
            }
            const auto nothing = in.receive(to, 10, MSG_DONTWAIT);
            if (nothing || !nothing.would_block()) {
                return false;
            }
        }
        return true;
    };
    return talk(here, there) && talk(there, here) && talk(here, there);
}

}  // namespace

TEST_CASE("joint descriptors: memory that is something else is refused with its reason, and nothing of it is kept") {
    const strangers of_joints{good_memory, net::shared_joint::footprint(capacity)};
    auto all = of_joints.all();
    all.push_back({"a ring", refusal::not_a_ring, [] {
                       auto ring = storage::shared<std::byte>::create(capacity, role::producer);
                       REQUIRE(ring);
                       return another(ring->fd());
                   }});
    const held before = holds();
    std::size_t refused = 0;
    for (const auto& stranger : all) {
        CAPTURE(std::string{stranger.what});
        auto half = good_joint().there;
        half.memory = stranger.make();
        if (!half.memory && std::string_view{stranger.what} != "none") {
            MESSAGE("not to be had here: ", stranger.what);
            continue;
        }
        const auto attached = net::shared_joint::attach(std::move(half));
        CHECK(!attached);
        CHECK_MESSAGE(attached.error() == stranger.expected, attached.error().message());
        ++refused;
    }
    CHECK(holds() == before);
    CHECK(refused >= 40);
    std::printf("process: %zu hostile descriptors instead of a joint's memory refused\n", refused);
}

TEST_CASE("joint descriptors: bells that are no pipes, or the wrong ends, or twice the same, are refused") {
    const held before = holds();
    std::size_t refused = 0;
    for (const auto& one : no_bells()) {
        for (const auto& where : places) {
            CAPTURE(std::string{one.what});
            CAPTURE(std::string{where.what});
            auto half = good_joint().there;
            if (!one.commit(half, where)) {
                MESSAGE("not to be had here: ", one.what);
                continue;
            }
            const auto attached = net::shared_joint::attach(std::move(half));
            CHECK(!attached);
            CHECK(attached.error() == refusal::wrong_doorbells);
            ++refused;
        }
    }
    CHECK(holds() == before);
    CHECK(refused >= 50);
    std::printf("process: %zu bells that are none refused\n", refused);
}

TEST_CASE("joint descriptors: bells that ring too often or never spoil nothing but the sleep") {
    const watchdog dog{"a stream with poor bells"};
    const held before = holds();
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        for (const auto& one : poor_bells()) {
            for (const auto& where : places) {
                CAPTURE(std::string{one.what});
                CAPTURE(std::string{where.what});
                auto made = good_joint();
                REQUIRE(one.commit(made.there, where));
                auto half = net::shared_joint::attach(std::move(made.there));
                REQUIRE(half);
                net::options off;
                off.pairing = net::pairing::off;
                auto ends = adopt(connect(kind), off);
                REQUIRE(ends.first.join(std::move(made.here)));
                REQUIRE(ends.second.join(std::move(*half)));
                CHECK(can_talk(ends.first, ends.second));
            }
        }
    }
    CHECK(holds() == before);
}
