// One end of a shared ring, alone in a process with the one who attacks it: the ring's memory, mapped a second time and
// writable throughout, the states an end can be in, and everything that can be called.
//
// Slots and the caller's buffers lie between pages nobody may touch. The clock goes on by itself, so that waits end.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include <ferrule/ferrule.hpp>
#include <ferrule/presets.hpp>

namespace ferrule::test {

/// The real machine, but for what takes time or sleeps: that is counted.
struct paced : detail::native {
    static constexpr std::chrono::milliseconds beat{20};
    static inline std::int64_t readings = 0;
    static inline unsigned wakes = 0;

    static std::chrono::steady_clock::time_point now() noexcept {
        return std::chrono::steady_clock::time_point{} + ++readings * beat;
    }
    [[nodiscard]] static std::chrono::nanoseconds park_cost() noexcept { return std::chrono::microseconds{1}; }
    static void yield() noexcept {}
    static void futex_wait(const atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
                           std::chrono::steady_clock::time_point /*deadline*/, futex_scope /*scope*/) noexcept {}
    static void futex_wake(const atomic<std::uint32_t>& /*word*/, futex_scope /*scope*/) noexcept { ++wakes; }
};

/// Memory between pages nobody may touch.
class guarded_pages {
public:
    explicit guarded_pages(std::size_t pages) : bytes_{pages * page} {
        void* const all = ::mmap(nullptr, bytes_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) {
            std::abort();
        }
        at_ = static_cast<std::byte*>(all) + page;
    }
    guarded_pages(const guarded_pages&) = delete;
    guarded_pages& operator=(const guarded_pages&) = delete;
    ~guarded_pages() { ::munmap(at_ - page, bytes_ + 2 * page); }

    /// Puts memory between them: that of `fd` from `from` on, or new one.
    void fill(int protection, int fd = -1, std::size_t from = 0) {
        const int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
        if (::mmap(at_, bytes_, protection, kind | MAP_FIXED, fd, static_cast<::off_t>(from)) == MAP_FAILED) {
            std::abort();
        }
    }
    [[nodiscard]] std::byte* data() const noexcept { return at_; }
    /// The last `n` bytes of it.
    [[nodiscard]] std::span<std::byte> last(std::size_t n) const noexcept { return {at_ + (bytes_ - n), n}; }

    static constexpr std::size_t page = 4096;

private:
    std::size_t bytes_;
    std::byte* at_ = nullptr;
};

/// The memory of a ring whose slots are one page, attached as `victim` by this process, and open to the attacker.
class stage {
public:
    static constexpr std::size_t capacity = guarded_pages::page;

    explicit stage(role victim) {
        auto made = storage::shared<std::byte>::create(capacity, other(victim));
        if (!made) {
            std::abort();
        }
        const int fd = made->fd();
        slots_.fill(victim == role::producer ? PROT_READ | PROT_WRITE : PROT_READ, fd, 2 * guarded_pages::page);
        buffer_.fill(PROT_READ | PROT_WRITE);
        pages_.fill(PROT_READ | PROT_WRITE, fd);
        auto attached = storage::shared<std::byte>::attach(unique_fd{::dup(fd)}, victim);
        if (!attached) {
            std::abort();
        }
        memory_ = std::move(*attached);
        header_ = peer_page().header;
    }

    [[nodiscard]] storage::shared<std::byte>& memory() noexcept { return memory_; }
    [[nodiscard]] std::byte* slots() const noexcept { return slots_.data(); }
    [[nodiscard]] std::span<std::byte> buffer(std::size_t n) const noexcept { return buffer_.last(n); }

    /// As the attacker sees them: the maker's page is the peer's.
    [[nodiscard]] storage::shared_page& peer_page() const noexcept {
        return *reinterpret_cast<storage::shared_page*>(pages_.data());
    }
    [[nodiscard]] storage::shared_page& victims_page() const noexcept {
        return *reinterpret_cast<storage::shared_page*>(pages_.data() + guarded_pages::page);
    }
    [[nodiscard]] announcement<detail::native>& peer() const noexcept {
        return memory_.mine() == role::producer ? peer_page().as_consumer : peer_page().as_producer;
    }
    [[nodiscard]] announcement<detail::native>& victim() const noexcept {
        return memory_.mine() == role::producer ? victims_page().as_producer : victims_page().as_consumer;
    }
    void restore_header() const noexcept { peer_page().header = header_; }

    /// As the victim sees them.
    [[nodiscard]] const void* page_it_reads() noexcept { return page_of(other(memory_.mine())); }
    [[nodiscard]] void* page_it_writes() noexcept { return page_of(memory_.mine()); }

    bool discarded_too_much = false;

private:
    [[nodiscard]] void* page_of(role whose) noexcept {
        const auto at = reinterpret_cast<std::uintptr_t>(&memory_.announcement_of<detail::native>(whose));
        return reinterpret_cast<void*>(at / guarded_pages::page * guarded_pages::page);
    }

    storage::shared<std::byte> memory_;
    guarded_pages slots_{1};
    guarded_pages buffer_{2};
    guarded_pages pages_{2};
    storage::shared_header header_{};
};

/// The stage's memory as the storage of one ring after the other, which may begin anywhere in a stream.
class on_stage {
public:
    using value_type = std::byte;
    using geometry_type = storage::shared<std::byte>::geometry_type;
    static constexpr bool is_shared = true;

    explicit on_stage(stage& where) noexcept : where_{&where} {}
    [[nodiscard]] std::byte* data() noexcept { return where_->slots(); }
    [[nodiscard]] geometry_type geometry() const noexcept { return where_->memory().geometry(); }
    [[nodiscard]] role mine() const noexcept { return where_->memory().mine(); }
    [[nodiscard]] static int peer_life() noexcept { return -1; }
    [[nodiscard]] static bool peer_is_gone() noexcept { return false; }
    void discard(std::uint64_t /*cursor*/, std::size_t n) noexcept {
        where_->discarded_too_much = where_->discarded_too_much || n > stage::capacity;
    }
    template <class Platform>
    [[nodiscard]] announcement<Platform>& announcement_of(role whose) const noexcept {
        static_assert(sizeof(announcement<Platform>) == sizeof(announcement<detail::native>));
        return reinterpret_cast<announcement<Platform>&>(where_->memory().announcement_of<detail::native>(whose));
    }

private:
    stage* where_;
};

}  // namespace ferrule::test

namespace ferrule::inline v0::detail {

template <class Platform>
class control_of<test::on_stage, Platform> {
public:
    explicit control_of(std::uint64_t /*start*/) noexcept {}
    [[nodiscard]] static announcement<Platform>& announcement_of(const test::on_stage& storage, role whose) noexcept {
        return storage.template announcement_of<Platform>(whose);
    }
    [[nodiscard]] static bool may_claim(const test::on_stage& storage, role which) noexcept {
        return storage.mine() == which;
    }
};

}  // namespace ferrule::inline v0::detail

namespace ferrule::test {

/// One look between two sleeps, so that a wait stays short.
using staged_waiter = waiter::futex<futex_scope::process_shared, barrier::symmetric>;
using staged_ring = basic_ring<on_stage, staged_waiter, paced>;

/// How things stand before the call, counted from where the stream begins.
struct scene {
    const char* name;
    std::uint64_t moved;  ///< By the victim, and published.
    std::uint64_t seen;   ///< Where the peer was when the victim last looked.
    std::uint64_t now;    ///< Where the peer is.
    bool closed = false;
    bool asleep = false;
    bool corrupt = false;  ///< And the victim knows.
};

inline constexpr std::array scenes_of_producer{
    scene{"new", 0, 0, 0},
    scene{"half full", 2048, 0, 0},
    scene{"full", 4096, 0, 0},
    scene{"full as far as it knows", 4096, 0, 1024},
    scene{"before the end, full as far as it knows", 4090, 0, 4090},
    scene{"before the end, empty", 4090, 4090, 4090},
    scene{"nobody reads", 4096, 0, 1024, true},
    scene{"reader asleep", 2048, 0, 0, false, true},
    scene{"reader asleep, full as far as it knows", 4096, 0, 512, false, true},
    scene{"corrupt", 100, 0, 50, false, false, true},
};
inline constexpr std::array scenes_of_consumer{
    scene{"new", 0, 0, 0},
    scene{"half full", 0, 0, 2048},
    scene{"full", 0, 0, 4096},
    scene{"a little left", 1000, 1010, 3000},
    scene{"before the end", 4090, 4090, 6090},
    scene{"used up", 100, 100, 100},
    scene{"writer closed, something left", 100, 110, 300, true},
    scene{"writer closed, used up", 100, 100, 100, true},
    scene{"writer asleep", 0, 0, 300, false, true},
    scene{"writer asleep, used up", 300, 300, 300, false, true},
    scene{"corrupt", 50, 100, 100, false, false, true},
};

enum class sort : unsigned char {
    data,     ///< Does a bounded amount of work, and at most one system call.
    bulk,     ///< The same, but copies much.
    waiting,  ///< Looks several times.
    rare,     ///< Begins or ends something.
};

/// What a call returned.
struct returned {
    std::size_t count = 0;
    std::size_t most = 0;  ///< That it may be.
    status why = status::ok;
};

/// A ring and the victim's end of it, made anew for each call.
template <role Role, class Cursor>
class play {
    static constexpr auto claim(staged_ring& ring) noexcept {
        if constexpr (Role == role::producer) {
            return ring.claim_producer<Cursor>();
        } else {
            return ring.claim_consumer<Cursor>();
        }
    }

public:
    using end_type = decltype(claim(std::declval<staged_ring&>()));

    play(stage& where, const scene& what, std::uint64_t start)
        : where_{&where}, scene_{what}, start_{start}, ring_{prepared(where, start), staged_waiter{}, {start}} {
        end = claim(ring_);
        auto& peer = where.peer();
        if (Role == role::producer) {
            pass(scene_.seen);
            peer.cursor.store(start + scene_.seen, std::memory_order_relaxed);
            if (scene_.seen != 0) {
                (void)end.look_behind_barrier();
            }
            pass(scene_.moved - scene_.seen);
        } else {
            peer.cursor.store(start + scene_.seen, std::memory_order_relaxed);
            pass(scene_.moved);
        }
        end.publish();
        if (scene_.corrupt) {
            peer.cursor.store(start - 1, std::memory_order_relaxed);
            (void)end.look_behind_barrier();
        }
        be_honest();
        paced::readings = 0;
        paced::wakes = 0;
    }

    /// Where the peer is, and what it says.
    void be_honest() const noexcept {
        auto& peer = where_->peer();
        peer.cursor.store(honest(), std::memory_order_relaxed);
        peer.closed.store(scene_.closed ? 1 : 0, std::memory_order_relaxed);
        const std::uint64_t wakes_at = scene_.asleep ? published() + 8 : start_;
        peer.wake_at.store(wakes_at, std::memory_order_relaxed);
        peer.need_at.store(wakes_at, std::memory_order_relaxed);
        peer.wakes.store(0, std::memory_order_relaxed);
        where_->restore_header();
    }

    [[nodiscard]] std::uint64_t published() const noexcept { return start_ + scene_.moved; }
    [[nodiscard]] std::uint64_t accepted() const noexcept { return start_ + scene_.seen; }
    [[nodiscard]] std::uint64_t honest() const noexcept { return start_ + scene_.now; }
    /// The furthest a peer may be.
    [[nodiscard]] std::uint64_t furthest() const noexcept {
        return Role == role::producer ? published() : published() + stage::capacity;
    }
    [[nodiscard]] stage& where() const noexcept { return *where_; }
    void hand_over() noexcept {
        end = end_type{};
        end = claim(ring_);
    }

private:
    [[nodiscard]] static on_stage prepared(stage& where, std::uint64_t start) noexcept {
        for (auto* const words : {&where.peer(), &where.victim()}) {
            words->cursor.store(start, std::memory_order_relaxed);
            words->closed.store(0, std::memory_order_relaxed);
            words->wake_at.store(start, std::memory_order_relaxed);
            words->need_at.store(start, std::memory_order_relaxed);
            words->wakes.store(0, std::memory_order_relaxed);
        }
        where.restore_header();
        return on_stage{where};
    }
    void pass(std::size_t n) noexcept {
        if (n == 0) {
            return;
        }
        if constexpr (Role == role::producer) {
            end.prepare(n, n).commit(n);
        } else {
            end.peek(n).release(n);
        }
    }

    stage* where_;
    scene scene_;
    std::uint64_t start_;
    staged_ring ring_;

public:
    end_type end;  // Last: it points at the ring.
    returned result{};
};

template <class Play>
struct call {
    const char* name;
    sort kind;
    returned (*run)(Play&);
};

inline constexpr std::chrono::steady_clock::time_point passed{};
inline constexpr std::chrono::steady_clock::time_point soon = passed + 4 * paced::beat;

template <class Play>
[[nodiscard]] std::vector<call<Play>> calls_of_both() {
    return {
        {"state", sort::data,
         [](Play& p) -> returned {
             return {0, 0, p.end.state()};
         }},
        {"publish", sort::data,
         [](Play& p) -> returned {
             p.end.publish();
             return {};
         }},
        {"nudge", sort::data,
         [](Play& p) -> returned {
             p.end.nudge();
             return {};
         }},
        {"look_behind_barrier", sort::data,
         [](Play& p) -> returned {
             return {p.end.look_behind_barrier(), stage::capacity};
         }},
        {"close", sort::rare,
         [](Play& p) -> returned {
             p.end.close();
             return {};
         }},
        {"hand_over", sort::rare,
         [](Play& p) -> returned {
             p.hand_over();
             return {};
         }},
    };
}

template <class Cursor>
[[nodiscard]] auto calls_of(play<role::producer, Cursor>* /*which*/) {
    using that = play<role::producer, Cursor>;
    constexpr std::size_t much = 2 * stage::capacity;
    auto all = calls_of_both<that>();
    const call<that> more[]{
        {"try_write", sort::data,
         [](that& p) -> returned {
             return {p.end.try_write(p.where().buffer(24)), 24};
         }},
        {"try_write of too much", sort::bulk,
         [](that& p) -> returned {
             return {p.end.try_write(p.where().buffer(much)), stage::capacity};
         }},
        {"try_emplace", sort::data,
         [](that& p) -> returned {
             return {p.end.try_emplace(std::byte{1}) ? std::size_t{1} : 0, 1};
         }},
        {"prepare", sort::data,
         [](that& p) -> returned {
             return {p.end.prepare(1, much).size(), stage::capacity};
         }},
        {"prepare and commit", sort::data,
         [](that& p) -> returned {
             auto grant = p.end.prepare(8, 16);
             const std::size_t n = grant.size();
             grant.commit(n);
             return {n, 16};
         }},
        {"prepare and commit all", sort::data,
         [](that& p) -> returned {
             auto grant = p.end.prepare(1, much);
             const std::size_t n = grant.size();
             grant.commit(n);
             return {n, stage::capacity};
         }},
        {"writable_at_least", sort::data,
         [](that& p) -> returned {
             return {p.end.writable_at_least(), stage::capacity};
         }},
        {"hold, write, release", sort::data,
         [](that& p) -> returned {
             p.end.hold_wakes();
             const std::size_t n = p.end.try_write(p.where().buffer(24));
             p.end.release_wakes();
             return {n, 24};
         }},
        {"trim", sort::rare,
         [](that& p) -> returned {
             p.end.trim();
             return {};
         }},
        {"wait", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_writable(24, passed)};
         }},
        {"wait for all", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_writable(stage::capacity, passed)};
         }},
        {"wait and sleep", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_writable(24, soon)};
         }},
        {"wait for all and sleep", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_writable(stage::capacity, soon)};
         }},
    };
    all.insert(all.end(), std::begin(more), std::end(more));
    return all;
}

template <class Cursor>
[[nodiscard]] auto calls_of(play<role::consumer, Cursor>* /*which*/) {
    using that = play<role::consumer, Cursor>;
    constexpr std::size_t much = 2 * stage::capacity;
    auto all = calls_of_both<that>();
    const call<that> more[]{
        {"try_read", sort::data,
         [](that& p) -> returned {
             return {p.end.try_read(p.where().buffer(24)), 24};
         }},
        {"try_read of too much", sort::bulk,
         [](that& p) -> returned {
             return {p.end.try_read(p.where().buffer(much)), stage::capacity};
         }},
        {"try_pop", sort::data,
         [](that& p) -> returned {
             return {p.end.try_pop() ? std::size_t{1} : 0, 1};
         }},
        {"peek", sort::data,
         [](that& p) -> returned {
             return {p.end.peek(1).size(), stage::capacity};
         }},
        {"peek and release", sort::data,
         [](that& p) -> returned {
             auto grant = p.end.peek(8);
             const std::size_t n = grant.size();
             grant.release(n);
             return {n, stage::capacity};
         }},
        {"peek at all and release", sort::data,
         [](that& p) -> returned {
             auto grant = p.end.peek(stage::capacity);
             const std::size_t n = grant.size();
             grant.release(n);
             return {n, stage::capacity};
         }},
        {"readable_at_least", sort::data,
         [](that& p) -> returned {
             return {p.end.readable_at_least(), stage::capacity};
         }},
        {"finished", sort::data,
         [](that& p) -> returned {
             return {p.end.finished() ? std::size_t{1} : 0, 1};
         }},
        {"hold, read, release", sort::data,
         [](that& p) -> returned {
             p.end.hold_wakes();
             const std::size_t n = p.end.try_read(p.where().buffer(24));
             p.end.release_wakes();
             return {n, 24};
         }},
        {"wait", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_readable(24, passed)};
         }},
        {"wait for all", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_readable(stage::capacity, passed)};
         }},
        {"wait and sleep", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_readable(24, soon)};
         }},
        {"wait for all and sleep", sort::waiting,
         [](that& p) -> returned {
             return {0, 0, p.end.wait_readable(stage::capacity, soon)};
         }},
    };
    all.insert(all.end(), std::begin(more), std::end(more));
    return all;
}

template <role Role>
[[nodiscard]] constexpr std::span<const scene> scenes_of() noexcept {
    if constexpr (Role == role::producer) {
        return scenes_of_producer;
    } else {
        return scenes_of_consumer;
    }
}

}  // namespace ferrule::test
