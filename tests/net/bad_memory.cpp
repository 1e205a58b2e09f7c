// A buffer that is none is an error, or a fault in the caller, before anything has moved: never a loop, and the stream
// is none the worse.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <array>
#include <csignal>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "../support/in_child.hpp"
#include "../support/script.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

/// Memory nobody may touch.
std::span<std::byte> forbidden(std::size_t size) {
    void* const at = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    return {static_cast<std::byte*>(at), size};
}

constexpr std::size_t size = 4096;
std::function<bool()> when_it_faults;

/// What becomes of `call(a, b)`, which is to fault on streams that are on their rings; then `afterwards(a, b)` must be
/// true, in the very moment of it.
template <class Call, class Afterwards>
std::string faulting(connection kind, Call call, Afterwards afterwards) {
    return in_child([&] {
        ::alarm(30);
        auto pair = on_the_ring(connect(kind));
        when_it_faults = [&] { return afterwards(pair.first, pair.second); };
        struct ::sigaction act {};
        act.sa_handler = [](int) { ::_exit(when_it_faults() ? 42 : 43); };
        ::sigaction(SIGSEGV, &act, nullptr);
        (void)call(pair.first, pair.second);
        return 0;
    });
}

}  // namespace

TEST_CASE("bad memory: where the kernel copies it is EFAULT, and the stream goes on") {
    const watchdog watched{"EFAULT"};
    for (const auto kind : connections()) {
        for (const auto with : {equipment::plain, equipment::one, equipment::unopened}) {
            CAPTURE(to_string(kind));
            CAPTURE(to_string(with));
            with_ends(kind, with, {}, [](auto& a, auto& b) {
                const auto none = forbidden(size);
                std::array<std::byte, 5> bytes{};
                fill_pattern(bytes, 0);
                CHECK(told(a.send(none)) == "EFAULT");
                CHECK(told(a.send({static_cast<const std::byte*>(nullptr), 5})) == "EFAULT");
                CHECK(told(a.send(bytes)) == "5");
                CHECK(told(b.recv(none)) == "EFAULT");
                CHECK(told(b.recv(none, MSG_PEEK)) == "EFAULT");
                bytes = {};
                CHECK(told(b.recv(bytes, MSG_WAITALL)) == "5");
                CHECK(is_pattern(bytes, 0));
                CHECK(::munmap(none.data(), none.size()) == 0);
            });
        }
    }
}

TEST_CASE("bad memory: where a ring is filled or emptied the caller faults, and no byte has moved") {
    for (const auto kind : {connection::tcp4, connection::unix_pair}) {
        CAPTURE(to_string(kind));
        const auto none = forbidden(size);
        const std::span<std::byte> null{static_cast<std::byte*>(nullptr), 5};
        for (const auto bad : {none, null}) {
            const ::iovec one{bad.data(), bad.size()};
            const auto nothing_came = [](net::stream& a, net::stream& b) {
                std::array<std::byte, 5> bytes{};
                return b.recv(bytes, MSG_DONTWAIT).would_block() && a.stats().sent.bytes_by_ring == 0;
            };
            CHECK(faulting(
                      kind, [&](auto& a, auto& /*b*/) { return a.send(bad); }, nothing_came) == "exit 42");
            CHECK(faulting(
                      kind,
                      [&](auto& a, auto& /*b*/) {
                          return a.sendv(std::span{&one, 1});
                      },
                      nothing_came) == "exit 42");
            const auto all_is_there = [](net::stream& a, net::stream& b) {
                return a.unsent().value_or(0) == 5 && b.stats().received.bytes_by_ring == 0;
            };
            for (const int flags : std::array<int, 3>{0, MSG_PEEK, MSG_WAITALL}) {
                CHECK(faulting(
                          kind,
                          [&](auto& a, auto& b) {
                              const std::array<std::byte, 5> bytes{};
                              (void)a.send(bytes);
                              return b.recv(bad, flags);
                          },
                          all_is_there) == "exit 42");
            }
        }
        CHECK(::munmap(none.data(), none.size()) == 0);
    }
}
