// What a machine charges for rings, kernel memory included, and what happens when there is no more to be had.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../support/in_child.hpp"
#include "../support/own_cgroup.hpp"
#include "../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;

namespace {

using memory_of_bytes = storage::shared<std::byte>;

constexpr int not_to_be_had = 77;

/// So many that what the kernel charges in advance, some hundred KiB, does not count.
constexpr std::size_t many = 2048;
constexpr std::size_t capacity = std::size_t{1} << 15U;

/// A ring, both of whose ends this process has, each in a mapping of its own: the charges of two processes, but for
/// those that they share with everything else they do.
class both_ends {
public:
    both_ends(memory_of_bytes made, memory_of_bytes taken)
        : here_{std::move(made)}, there_{std::move(taken)}, tx_{here_.claim_producer()}, rx_{there_.claim_consumer()} {}

    [[nodiscard]] bool look() { return tx_.writable_at_least() == capacity && rx_.readable_at_least() == 0; }
    [[nodiscard]] bool fill_and_empty(std::vector<std::byte>& bytes) {
        return tx_.try_write(bytes) == bytes.size() && rx_.try_read(bytes) == bytes.size();
    }
    void trim() { tx_.trim(); }

private:
    shared_ring<> here_;
    shared_ring<> there_;
    shared_ring<>::producer_type tx_;
    shared_ring<>::consumer_type rx_;
};

struct charges {
    std::uint64_t idle = 0;
    std::uint64_t busy = 0;
    std::uint64_t trimmed = 0;
};

/// Per ring, in a child that is alone in `group`.
int measure(const own_cgroup& group, charges& per_ring) {
    if (!group.enter()) {
        return not_to_be_had;
    }
    std::vector<std::unique_ptr<both_ends>> rings;
    std::vector<std::byte> bytes(capacity);
    rings.reserve(many);
    std::uint64_t of_ours = 0;
    const std::uint64_t before = group.charged();
    for (std::size_t i = 0; i != many; ++i) {
        auto made = memory_of_bytes::create(capacity, role::producer);
        if (!made) {
            return 1;
        }
        auto taken = memory_of_bytes::attach(unique_fd{::fcntl(made->fd(), F_DUPFD_CLOEXEC, 0)}, role::consumer);
        if (!taken) {
            return 2;
        }
        made->close_fd();
        rings.push_back(std::make_unique<both_ends>(std::move(*made), std::move(*taken)));
        of_ours += sizeof(both_ends);
    }
    const auto each = [&] { return (group.charged() - before - of_ours) / many; };
    bool good = std::all_of(rings.begin(), rings.end(), [](const auto& ring) { return ring->look(); });
    per_ring.idle = each();
    good =
        good && std::all_of(rings.begin(), rings.end(), [&](const auto& ring) { return ring->fill_and_empty(bytes); });
    per_ring.busy = each();
    for (const auto& ring : rings) {
        ring->trim();
    }
    per_ring.trimmed = each();
    return good ? 0 : 3;
}

}  // namespace

TEST_CASE("limits: an idle ring is charged 16 KiB at most, kernel memory included, again so after traffic and trim()") {
    const watchdog dog{"two thousand rings"};
    const own_cgroup group;
    if (!group) {
        MESSAGE("no memory cgroup to be had here");
        return;
    }
    auto* const per_ring =
        new (::mmap(nullptr, sizeof(charges), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) charges{};
    const std::string how = in_child([&] { return measure(group, *per_ring); });
    if (how == "exit 77") {
        MESSAGE("no memory cgroup to be had here");
        return;
    }
    CHECK(how == "exit 0");
    std::printf(
        "process: a ring of %zu bytes is charged %llu bytes idle, %llu busy, %llu trimmed, by its memory cgroup\n",
        capacity, static_cast<unsigned long long>(per_ring->idle), static_cast<unsigned long long>(per_ring->busy),
        static_cast<unsigned long long>(per_ring->trimmed));
    CHECK(per_ring->idle <= 16 * 1024);
    CHECK(per_ring->busy >= capacity);
    CHECK(per_ring->busy <= capacity + 16 * 1024);
    CHECK(per_ring->trimmed <= 16 * 1024);
    ::munmap(per_ring, sizeof *per_ring);
}

TEST_CASE("limits: where memory runs out it is the kernel that ends somebody, and never a fault") {
    const watchdog dog{"writing more than there is memory"};
    const own_cgroup group;
    if (!group || !group.limit(std::uint64_t{24} << 20U)) {
        MESSAGE("no memory cgroup to be had here");
        return;
    }
    const std::string how = in_child([&] {
        if (!group.enter()) {
            return not_to_be_had;
        }
        std::vector<std::byte> bytes(std::size_t{1} << 20U);
        auto memory = memory_of_bytes::create(std::size_t{64} << 20U, role::producer);
        if (!memory) {
            return 1;  // A refusal would be fine as well.
        }
        shared_ring<> ring{std::move(*memory)};
        auto tx = ring.claim_producer();
        for (std::size_t n = 1; n != 0;) {
            n = tx.try_write(bytes);
        }
        return 2;  // There was room for it all the same.
    });
    if (how == "exit 77") {
        MESSAGE("no memory cgroup to be had here");
        return;
    }
    std::printf("process: a ring larger than the limit of its memory cgroup: %s\n", how.c_str());
    CHECK((how == "signal 9" || how == "exit 1"));
}

TEST_CASE("limits: a tmpfs that is full is none of a ring's business") {
    const std::string how = in_child([] {
        // A /dev/shm of this child's own.
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", "/dev/shm", "tmpfs", 0, "size=16k") != 0) {
            return not_to_be_had;
        }
        const unique_fd file{::open("/dev/shm/full", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
        const std::array<std::byte, 4096> page{};
        while (::write(file.get(), page.data(), page.size()) > 0) {
        }
        if (errno != ENOSPC) {
            return 1;
        }
        auto memory = memory_of_bytes::create(capacity, role::producer);
        if (!memory) {
            return 2;
        }
        shared_ring<> ring{std::move(*memory)};
        auto tx = ring.claim_producer();
        const std::vector<std::byte> bytes(capacity);
        return tx.try_write(bytes) == capacity ? 0 : 3;
    });
    if (how == "exit 77") {
        MESSAGE("no namespace to be had here");
        return;
    }
    CHECK(how == "exit 0");
}
