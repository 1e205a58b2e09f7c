// One of the two processes is killed after each instruction of each call, from making the memory to giving it back. The
// other reads what was published, all of it and nothing else, is then told that no more will come, and keeps nothing.
#include <doctest/doctest.h>

#if defined(__x86_64__)

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ferrule/ferrule.hpp>
#include <ferrule/presets.hpp>

#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"
#include "stepper.hpp"

namespace {

using namespace ferrule;
using namespace ferrule::test;
using clock = std::chrono::steady_clock;

enum class deed : unsigned char {
    create,
    attach,
    write,
    commit,
    write_close,
    producer_detach,
    read,
    release,
    consumer_detach
};
constexpr std::array all_deeds{deed::create, deed::attach,      deed::write,
                               deed::commit, deed::write_close, deed::producer_detach,
                               deed::read,   deed::release,     deed::consumer_detach};
constexpr std::array names{"create",  "attach",           "write", "commit", "close", "producer detaches", "read",
                           "release", "consumer detaches"};

constexpr std::size_t capacity = 4096;
constexpr std::size_t before = 40;  ///< What was written, or is there to be read, when the call begins.
constexpr std::size_t in_call = 24;

[[nodiscard]] constexpr role victims_role(deed what) noexcept {
    return what >= deed::read ? role::consumer : role::producer;
}

/// What the victim says of itself, in memory that outlives it.
struct last_words {
    std::atomic<std::uint64_t> step{0};
    std::uint64_t at = 0;
};

void die(void* words) {
    auto& mine = *static_cast<last_words*>(words);
    mine.step.store(mine.at, std::memory_order_relaxed);
    ::kill(::getpid(), SIGKILL);
}

/// The process that is killed. Allocates nothing: it is a fork of a program with threads.
class victim {
public:
    victim(deed what, int fd) noexcept : what_{what}, fd_{fd} {}

    /// Returns only if it has fewer instructions than `words.at`.
    void run(last_words& words) {
        if (what_ != deed::create && what_ != deed::attach) {
            attach();
            begin();
        }
        stepper steps;
        (void)steps.run(
            {.count = true, .at_step = words.at}, die, &words, [](void* self) { static_cast<victim*>(self)->call(); },
            this);
    }

private:
    void attach() {
        auto attached = storage::shared<std::byte>::attach(unique_fd{fd_}, victims_role(what_));
        if (!attached) {
            ::_exit(2);
        }
        memory_ = std::move(*attached);
    }

    void begin() {
        fill_pattern(bytes_, 0);
        ring_.emplace(std::move(memory_));
        if (victims_role(what_) == role::producer) {
            writer_ = ring_->claim_producer();
            if (writer_.try_write({bytes_.data(), before}) != before) {
                ::_exit(3);
            }
        } else {
            reader_ = ring_->claim_consumer();
        }
    }

    void call() {
        switch (what_) {
            case deed::create: {
                const auto made = storage::shared<std::byte>::create(capacity, role::producer);
                if (!made) {
                    ::_exit(4);
                }
                return;
            }
            case deed::attach:
                return attach();
            case deed::write:
                (void)writer_.try_write({bytes_.data() + before, in_call});
                return;
            case deed::commit: {
                auto grant = writer_.prepare(in_call, in_call);
                std::copy_n(bytes_.data() + before, in_call, grant.parts().front.data());
                return grant.commit(in_call);
            }
            case deed::write_close:
                return writer_.close();
            case deed::producer_detach:
                writer_ = {};
                return ring_.reset();
            case deed::read:
                (void)reader_.try_read({bytes_.data(), in_call});
                return;
            case deed::release:
                return reader_.peek(before).release(in_call);
            case deed::consumer_detach:
                reader_ = {};
                return ring_.reset();
        }
    }

    deed what_;
    int fd_;
    storage::shared<std::byte> memory_;
    std::optional<shared_ring<>> ring_;
    shared_ring<>::producer_type writer_;
    shared_ring<>::consumer_type reader_;
    std::array<std::byte, before + in_call> bytes_{};
};

struct outcome {
    bool killed = false;  ///< At the very instruction that was asked for.
    bool right = false;   ///< Everything else.
    clock::duration until_told{};
};

/// Reads what there is, until no more will come.
[[nodiscard]] bool survives_a_writer(shared_ring<>& ring, deed what, clock::time_point deadline) {
    auto reader = ring.claim_consumer();
    std::array<std::byte, 2 * capacity> bytes{};
    std::size_t got = 0;
    status why = status::ok;
    while (why == status::ok) {
        const std::size_t n = reader.try_read({bytes.data() + got, bytes.size() - got});
        got += n;
        if (n == 0) {
            why = reader.wait_readable(1, deadline);
        }
    }
    const bool may_be_nothing = what == deed::attach;
    const bool may_be_more = what == deed::write || what == deed::commit;
    const bool as_much_as_published =
        may_be_nothing ? got == 0 : got == before || (may_be_more && got == before + in_call);
    return why == status::closed && reader.finished() && as_much_as_published && is_pattern({bytes.data(), got}, 0);
}

[[nodiscard]] bool survives_a_reader(shared_ring<>::producer_type& writer, deed what, clock::time_point deadline) {
    const std::size_t room = writer.writable_at_least();
    const bool may_have_read = what == deed::read || what == deed::release;
    const std::size_t least = capacity - before;
    const bool as_much_as_released = room == least || (may_have_read && room == least + in_call);
    return writer.wait_writable(capacity, deadline) == status::closed && as_much_as_released &&
           writer.state() == status::closed;
}

[[nodiscard]] outcome kill_at(deed what, std::uint64_t step, last_words& words) {
    words.step.store(0, std::memory_order_relaxed);
    words.at = step;
    auto memory = storage::shared<std::byte>::create(capacity, other(victims_role(what)));
    if (!memory) {
        return {};
    }
    const int fd = memory->fd();
    shared_ring<> ring{std::move(*memory)};
    auto writer = ring.claim_producer();
    if (writer) {
        std::array<std::byte, before> bytes{};
        fill_pattern(bytes, 0);
        (void)writer.try_write(bytes);
    }
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        victim{what, fd}.run(words);
        ::_exit(0);
    }
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    ring.storage().watch_peer(unique_fd{pidfd});
    ::pollfd dead{pidfd, POLLIN, 0};
    while (::poll(&dead, 1, -1) < 0) {
    }
    const auto begun = clock::now();
    constexpr std::chrono::seconds patience{10};
    outcome result;
    result.right = writer ? survives_a_reader(writer, what, begun + patience)
                          : what == deed::create || survives_a_writer(ring, what, begun + patience);
    result.until_told = clock::now() - begun;
    int how = 0;
    ::waitpid(child, &how, 0);
    result.killed = WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL && words.step.load(std::memory_order_relaxed) == step;
    const bool finished = WIFEXITED(how) && WEXITSTATUS(how) == 0;
    result.right = result.right && (result.killed || finished);
    return result;
}

struct sum {
    std::uint64_t points = 0;
    std::uint64_t wrong = 0;
    std::uint64_t out_of_turn = 0;  ///< Finished, though a later point was reached.
    clock::duration longest{};
};

/// Kills at 1, 2, 3 ... until a call has no more instructions. Several at a time, since most of it is waiting.
class sweep {
public:
    sum run(deed what) {
        next_.store(1);
        finished_at_.store(never);
        for (auto& one : sums_) {
            one = {};
        }
        std::vector<std::thread> workers;
        for (std::size_t i = 0; i != sums_.size(); ++i) {
            workers.emplace_back([this, what, i] { work(what, sums_.at(i), (*words_).at(i)); });
        }
        for (auto& worker : workers) {
            worker.join();
        }
        sum all;
        for (const auto& one : sums_) {
            all.points += one.points;
            all.wrong += one.wrong;
            all.longest = std::max(all.longest, one.longest);
        }
        all.out_of_turn = all.wrong != 0 ? 0 : finished_at_.load() - 1 - std::min(all.points, finished_at_.load() - 1);
        return all;
    }

private:
    void work(deed what, sum& mine, last_words& words) {
        for (;;) {
            const std::uint64_t step = next_.fetch_add(1);
            if (step > finished_at_.load() || mine.wrong > 1) {
                return;
            }
            const auto result = kill_at(what, step, words);
            mine.wrong += result.right ? 0 : 1;
            mine.longest = std::max(mine.longest, result.until_told);
            if (result.killed) {
                ++mine.points;
            } else {
                std::uint64_t known = finished_at_.load();
                while (step < known && !finished_at_.compare_exchange_weak(known, step)) {
                }
                return;
            }
        }
    }

    static constexpr std::size_t at_once = 8;
    using all_words = std::array<last_words, at_once>;
    all_words* words_ =
        new (::mmap(nullptr, sizeof(all_words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) all_words{};
    std::array<sum, at_once> sums_{};
    std::atomic<std::uint64_t> next_{1};
    std::atomic<std::uint64_t> finished_at_{never};
};

[[nodiscard]] std::ptrdiff_t descriptors() {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, std::filesystem::directory_iterator{});
}
[[nodiscard]] int ring_mappings() {
    std::ifstream maps{"/proc/self/maps"};
    int n = 0;
    for (std::string line; std::getline(maps, line);) {
        n += line.find("memfd:ferrule") != std::string::npos ? 1 : 0;
    }
    return n;
}

/// Has the linker bind every function that a victim calls, and measured what is measured once.
void warm_up() {
    auto made = storage::shared<std::byte>::create(capacity, role::producer);
    REQUIRE(made);
    auto attached = storage::shared<std::byte>::attach(unique_fd{::dup(made->fd())}, role::consumer);
    REQUIRE(attached);
    shared_ring<> a{std::move(*made)};
    shared_ring<> b{std::move(*attached)};
    auto writer = a.claim_producer();
    auto reader = b.claim_consumer();
    std::array<std::byte, in_call> bytes{};
    (void)writer.try_write(bytes);
    (void)reader.try_read(bytes);
}

}  // namespace

TEST_SUITE("process") {
    TEST_CASE("whoever is killed, after whatever instruction, the other gets what was published and then the end") {
        const watchdog dog{"the sweep of kills", std::chrono::seconds{280}};
        warm_up();
        const auto descriptors_before = descriptors();
        REQUIRE(ring_mappings() == 0);
        sweep sweeps;
        std::uint64_t points = 0;
        clock::duration longest{};
        std::string each;
        for (const deed what : all_deeds) {
            const char* const name = names.at(static_cast<std::size_t>(what));
            const auto result = sweeps.run(what);
            CHECK_MESSAGE(result.wrong == 0, name);
            CHECK_MESSAGE(result.out_of_turn == 0, name);
            CHECK_MESSAGE(result.points >= 10, name);
            points += result.points;
            longest = std::max(longest, result.longest);
            if (result.wrong != 0) {
                break;
            }
            each += std::string{", "} + name + " " + std::to_string(result.points);
        }
        std::printf("kills: %llu points%s; the survivor was told within %lld ms\n",
                    static_cast<unsigned long long>(points), each.c_str(),
                    static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()));
        CHECK(points >= 1000);
        CHECK(descriptors() == descriptors_before);
        CHECK(ring_mappings() == 0);
    }
}

#else

TEST_CASE("kills: skipped, this processor has no trap flag that a program can set") { MESSAGE("skipped: x86-64 only"); }

#endif
