// A stranger's descriptor, whatever it is: a typed refusal, nothing mapped, nothing left open. And what a stranger can
// do to the memory afterwards.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/held.hpp"
#include "../support/in_child.hpp"
#include "../support/other_process.hpp"
#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using memory_of_bytes = storage::shared<std::byte>;

constexpr int final_size = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::size_t capacity = 4096;

/// A ring that is in order, made by a producer.
[[nodiscard]] unique_fd good_ring() {
    const auto made = memory_of_bytes::create(capacity, role::producer);
    REQUIRE(made);
    return unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)};
}

[[nodiscard]] storage::shared_header header_of(int fd) {
    storage::shared_header header{};
    REQUIRE(::pread(fd, &header, sizeof header, 0) == sizeof header);
    return header;
}

/// A good ring whose maker says something else about it.
template <class Change>
[[nodiscard]] unique_fd ring_that_says(Change change) {
    auto fd = good_ring();
    auto header = header_of(fd.get());
    change(header);
    REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
    return fd;
}

/// A memfd with the header of a good ring.
[[nodiscard]] unique_fd memory(std::size_t bytes, int seals, unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING) {
    unique_fd fd{::memfd_create("stranger", flags)};
    if (!fd || ::ftruncate(fd.get(), static_cast<::off_t>(bytes)) != 0) {
        return {};
    }
    const auto header = header_of(good_ring().get());
    if (bytes >= sizeof header && (flags & MFD_HUGETLB) == 0) {
        REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
    }
    if (seals != 0 && ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
        return {};
    }
    return fd;
}

[[nodiscard]] unique_fd file_in(const char* directory) {
    std::string name = std::string{directory} + "/ferrule-XXXXXX";
    unique_fd fd{::mkostemp(name.data(), O_CLOEXEC)};
    if (fd) {
        ::unlink(name.c_str());
        const auto header = header_of(good_ring().get());
        REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
        REQUIRE(::ftruncate(fd.get(), static_cast<::off_t>(memory_of_bytes::footprint(capacity))) == 0);
    }
    return fd;
}

[[nodiscard]] unique_fd reopened(int fd, int how) {
    return unique_fd{::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), how | O_CLOEXEC)};
}

[[nodiscard]] unique_fd one_of(std::array<int, 2> ends) {
    ::close(ends[1]);
    return unique_fd{ends[0]};
}

struct hostile {
    const char* what;
    std::error_code expected;
    std::function<unique_fd()> make;
};

/// All of them, but for what this machine cannot make.
[[nodiscard]] std::vector<hostile> strangers() {
    const std::size_t size = memory_of_bytes::footprint(capacity);
    const std::size_t page = ferrule::detail::page_size();
    const auto no_right = std::error_code{EACCES, std::system_category()};
    const auto not_permitted = std::error_code{EPERM, std::system_category()};
    using header = storage::shared_header;
    std::vector<hostile> all{
        {"none", refusal::not_shared_memory, [] { return unique_fd{}; }},
        {"one that was closed", refusal::not_shared_memory, [] { return unique_fd{1'000'000}; }},
        {"a memfd without seals", refusal::not_sealed, [=] { return memory(size, 0); }},
        {"a memfd that takes no seals", refusal::not_sealed, [=] { return memory(size, 0, MFD_CLOEXEC); }},
        {"a memfd that may shrink", refusal::not_sealed, [=] { return memory(size, F_SEAL_GROW | F_SEAL_SEAL); }},
        {"a memfd that may grow", refusal::not_sealed, [=] { return memory(size, F_SEAL_SHRINK | F_SEAL_SEAL); }},
        {"a memfd that takes more seals", refusal::not_sealed,
         [=] { return memory(size, F_SEAL_SHRINK | F_SEAL_GROW); }},
        {"an empty memfd", refusal::not_shared_memory, [] { return memory(0, final_size); }},
        {"a memfd of one byte", refusal::wrong_size, [] { return memory(1, final_size); }},
        {"a memfd of a page", refusal::wrong_size, [=] { return memory(page, final_size); }},
        {"a memfd of two pages", refusal::wrong_size, [=] { return memory(2 * page, final_size); }},
        {"a memfd a byte too short", refusal::wrong_size, [=] { return memory(size - 1, final_size); }},
        {"a memfd a byte too long", refusal::wrong_size, [=] { return memory(size + 1, final_size); }},
        {"a memfd a page too long", refusal::wrong_size, [=] { return memory(size + page, final_size); }},
        {"a memfd of zeros", refusal::not_a_ring, [] { return ring_that_says([](header& said) { said = header{}; }); }},
        {"a memfd of garbage", refusal::not_a_ring,
         [] { return ring_that_says([](header& said) { std::memset(&said, 0xa5, sizeof said); }); }},
        {"a hole where the header was", refusal::not_a_ring,
         [=] {
             auto fd = good_ring();
             REQUIRE(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<::off_t>(page)) ==
                     0);
             return fd;
         }},
        {"another layout", refusal::other_version, [] { return ring_that_says([](header& said) { ++said.layout; }); }},
        {"another machine's pages", refusal::other_version,
         [] { return ring_that_says([](header& said) { said.page_size *= 4; }); }},
        {"larger elements", refusal::other_element,
         [] { return ring_that_says([](header& said) { said.element_size = 8; }); }},
        {"elements of nothing", refusal::other_element,
         [] { return ring_that_says([](header& said) { said.element_size = 0; }); }},
        {"a larger capacity", refusal::wrong_size,
         [] { return ring_that_says([](header& said) { said.capacity *= 2; }); }},
        {"a maker with the same end", refusal::wrong_end,
         [] { return ring_that_says([](header& said) { said.maker = 1; }); }},
        {"a maker with no end", refusal::wrong_end,
         [] { return ring_that_says([](header& said) { said.maker = 2; }); }},
        {"a maker with a wide end", refusal::wrong_end,
         [] { return ring_that_says([](header& said) { said.maker = std::uint64_t{1} << 32U; }); }},
        {"a ring that may only be read", no_right, [] { return reopened(good_ring().get(), O_RDONLY); }},
        {"a ring that may only be written", no_right, [] { return reopened(good_ring().get(), O_WRONLY); }},
        {"a ring that may only be named", refusal::not_shared_memory,
         [] { return reopened(good_ring().get(), O_PATH); }},
        {"a ring nobody may write to", not_permitted, [=] { return memory(size, final_size | F_SEAL_WRITE); }},
        {"a ring nobody may write to from now on", not_permitted,
         [=] { return memory(size, final_size | F_SEAL_FUTURE_WRITE); }},
        {"memory in huge pages", refusal::not_shared_memory,
         [] { return memory(std::size_t{2} << 20U, final_size, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB); }},
        {"a file", refusal::not_shared_memory, [] { return file_in("/var/tmp"); }},
        {"a file of a tmpfs", refusal::not_sealed, [] { return file_in("/dev/shm"); }},
        {"a directory", refusal::not_shared_memory,
         [] { return unique_fd{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; }},
        {"a device", refusal::not_shared_memory, [] { return unique_fd{::open("/dev/zero", O_RDWR | O_CLOEXEC)}; }},
        {"a file of procfs", refusal::not_shared_memory,
         [] { return unique_fd{::open("/proc/self/mem", O_RDWR | O_CLOEXEC)}; }},
        {"an eventfd", refusal::not_shared_memory, [] { return unique_fd{::eventfd(0, EFD_CLOEXEC)}; }},
        {"an epoll", refusal::not_shared_memory, [] { return unique_fd{::epoll_create1(EPOLL_CLOEXEC)}; }},
        {"a pipe", refusal::not_shared_memory,
         [] {
             std::array<int, 2> ends{};
             REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
             return one_of(ends);
         }},
        {"a socket", refusal::not_shared_memory,
         [] {
             std::array<int, 2> ends{};
             REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
             return one_of(ends);
         }},
    };
    for (const std::uint64_t lie : {std::uint64_t{0}, std::uint64_t{1} << 41U, std::uint64_t{1} << 63U,
                                    ~std::uint64_t{0}, std::uint64_t{capacity - 1}, std::uint64_t{capacity + 1}}) {
        all.push_back({"an impossible capacity", refusal::wrong_capacity,
                       [lie] { return ring_that_says([lie](header& said) { said.capacity = lie; }); }});
    }
    for (const std::uint64_t lie : {std::uint64_t{1} << 13U, std::uint64_t{1} << 30U, std::uint64_t{1} << 40U}) {
        all.push_back({"a capacity beyond the memory", refusal::wrong_size,
                       [lie] { return ring_that_says([lie](header& said) { said.capacity = lie; }); }});
    }
    return all;
}

}  // namespace

TEST_CASE("descriptors: whatever a stranger sends is refused with its reason, and nothing of it is kept") {
    const held before = holds();
    std::size_t refused = 0;
    for (const auto& stranger : strangers()) {
        CAPTURE(std::string{stranger.what});
        auto fd = stranger.make();
        const bool is_none = std::string_view{stranger.what} == "none";
        if (!fd && !is_none) {
            MESSAGE("not to be had here: ", stranger.what);
            continue;
        }
        const auto attached = memory_of_bytes::attach(std::move(fd), role::consumer);
        CHECK(!attached);
        CHECK_MESSAGE(attached.error() == stranger.expected, attached.error().message());
        ++refused;
    }
    CHECK(holds() == before);
    CHECK(refused >= 40);
    std::printf("process: %zu hostile descriptors refused, 0 mapped, 0 left open\n", refused);
}

TEST_CASE("descriptors: the ring that all of them are made from is taken") {
    const held before = holds();
    {
        CHECK(memory_of_bytes::attach(good_ring(), role::consumer));
        CHECK(memory_of_bytes::attach(memory(memory_of_bytes::footprint(capacity), final_size), role::consumer));
        CHECK(memory_of_bytes::attach(good_ring(), role::producer).error() == refusal::wrong_end);
    }
    CHECK(holds() == before);
}

TEST_CASE("descriptors: a stranger that cuts and changes the memory while it is being taken") {
    const watchdog dog{"attaching to memory that changes"};
    // A fault would be the end of the child.
    const std::string how = in_child([] {
        std::vector<unique_fd> ours;
        std::vector<unique_fd> theirs;
        for (int i = 0; i != 200; ++i) {
            ours.push_back(i % 2 == 0 ? good_ring() : memory(memory_of_bytes::footprint(capacity), 0));
            theirs.push_back(unique_fd{::dup(ours.back().get())});
        }
        const held before = holds();
        std::atomic<std::size_t> target{0};
        std::atomic<std::uint64_t> changes{0};
        std::thread stranger{[&] {
            for (std::size_t at = 0; (at = target) != theirs.size(); ++changes) {
                const int fd = theirs[at].get();
                const std::uint64_t word = pattern_word(changes);
                (void)!::ftruncate(fd, static_cast<::off_t>(word % 32768));
                (void)!::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
                const storage::shared_header lie{0x72'65'6c'75'72'72'65'66, word, word, word, word, word};
                (void)!::pwrite(fd, &lie, sizeof lie, 0);
                if (word % 4 == 0) {
                    (void)!::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
                }
            }
        }};
        bool good = true;
        for (std::size_t i = 0; i != ours.size(); ++i) {
            for (int again = 0; again != 4; ++again) {
                auto attached =
                    memory_of_bytes::attach(unique_fd{::fcntl(ours[i].get(), F_DUPFD_CLOEXEC, 0)}, role::consumer);
                if (attached) {
                    shared_ring<> ring{std::move(*attached)};
                    std::array<std::byte, 100> got{};
                    good = good && ring.capacity() == capacity && ring.claim_consumer().try_read(got) <= got.size();
                }
                // The stranger has had its way with it in between.
                for (const auto seen = changes.load(); changes - seen < 2;) {
                    std::this_thread::yield();
                }
            }
            target = i + 1;
        }
        stranger.join();
        const held after = holds();
        return !good ? 2 : after.shared_bytes == before.shared_bytes && after.descriptors == before.descriptors ? 0 : 1;
    });
    CHECK(how == "exit 0");
}

namespace {

/// More than a ring of 16384 holds, so that a cursor of 0 is one that went back.
constexpr std::size_t enough_to_go_back_from = 50'000;

/// Uses its end of the ring and gives its memory away, again and again; all of it at last.
int punch_holes(memory_of_bytes memory, int fd, int socket) {
    const auto all = static_cast<::off_t>(memory_of_bytes::footprint(memory.geometry().capacity()));
    const auto page = static_cast<::off_t>(ferrule::detail::page_size());
    shared_ring<> ring{std::move(memory)};
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    std::array<std::byte, 3000> piece{};
    for (std::size_t moved = 0; moved < enough_to_go_back_from;) {
        const std::size_t n = tx ? tx.try_write(piece) : rx.try_read(piece);
        moved += n;
        if (n == 0) {
            (void)(tx ? tx.wait_writable(1, no_deadline) : rx.wait_readable(1, no_deadline));
        }
    }
    for (std::uint64_t i = 0; i != 4097; ++i) {
        (void)(tx ? tx.try_write(piece) : rx.try_read(piece));
        if (i % 16 == 0) {
            const bool everything = i % 1024 == 0;
            const auto at = static_cast<::off_t>(pattern_word(i) % static_cast<std::uint64_t>(all / page)) * page;
            (void)!::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, everything ? 0 : at,
                               everything ? all : page);
        }
    }
    return say(socket) && hear(socket) ? 0 : 1;
}

}  // namespace

TEST_CASE("descriptors: a peer that punches holes everywhere in mid-stream can spoil the stream and nothing else") {
    const watchdog dog{"a stream in memory with holes"};
    for (int round = 0; round != 20; ++round) {
        const role mine = round % 2 == 0 ? role::producer : role::consumer;
        auto made = memory_of_bytes::create(16384, mine);
        REQUIRE(made);
        other_process peer{[&](int socket) {
            const int fd = ::dup(made->fd());
            auto theirs = memory_of_bytes::attach(unique_fd{::dup(fd)}, other(mine));
            return theirs ? punch_holes(std::move(*theirs), fd, socket) : 1;
        }};
        made->watch_peer(peer.life());
        // A fault would be the end of this process.
        shared_ring<> ring{std::move(*made)};
        auto tx = ring.claim_producer();
        auto rx = ring.claim_consumer();
        std::array<std::byte, 5000> piece{};
        std::size_t most = 0;
        std::size_t moved = 0;
        status state = status::ok;
        const auto move_some = [&] {
            const std::size_t n = tx ? tx.try_write(piece) : rx.try_read(piece);
            most = std::max(most, n);
            moved += n;
            if (n == 0) {
                const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{1};
                state = tx ? tx.wait_writable(1, soon) : rx.wait_readable(1, soon);
            }
        };
        for (int i = 0; i < 200 || (moved < enough_to_go_back_from && state != status::corrupt); ++i) {
            move_some();
        }
        REQUIRE(hear(peer.socket()));
        // Nobody changes anything any more, and what the peer said is 0.
        move_some();
        most = std::max(most, tx ? tx.writable_at_least() : rx.readable_at_least());
        CHECK((tx ? tx.state() : rx.state()) == status::corrupt);
        REQUIRE(say(peer.socket()));
        CHECK(peer.outcome() == "exit 0");
        CHECK(most <= ring.capacity());
    }
}
