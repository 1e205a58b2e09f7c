// A peer overwrites what it can at every moment at which it makes a difference, with everything that might: before each
// load of each call, in every state of the end that calls. What comes of it is a count within bounds, closed, or
// corrupt, after a bounded number of instructions.
#include <doctest/doctest.h>

#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "../support/pattern.hpp"
#include "../support/watchdog.hpp"
#include "stage.hpp"
#include "stepper.hpp"

namespace {

using namespace ferrule;
using namespace ferrule::test;

#if defined(__OPTIMIZE__)
constexpr std::uint64_t most_instructions_of_a_call = 500;
constexpr std::uint64_t most_instructions_of_a_wait = 2000;
#else
constexpr std::uint64_t most_instructions_of_a_call = 4000;
constexpr std::uint64_t most_instructions_of_a_wait = 40'000;
#endif

enum class target : unsigned char { cursor, closed, wake_at, need_at, wakes, header, victims_own, everything };
constexpr std::array all_targets{target::cursor, target::closed, target::wake_at,     target::need_at,
                                 target::wakes,  target::header, target::victims_own, target::everything};

constexpr std::size_t values_per_word = 72;

/// What a peer might say that knows where everybody is.
[[nodiscard]] std::array<std::uint64_t, values_per_word> hostile_values(std::uint64_t own, std::uint64_t peer,
                                                                        std::uint64_t seed) {
    constexpr std::uint64_t capacity = stage::capacity;
    std::array<std::uint64_t, values_per_word> values{};
    std::size_t n = 0;
    for (const std::uint64_t base :
         {std::uint64_t{0}, std::uint64_t{1} << 31U, std::uint64_t{1} << 32U, std::uint64_t{1} << 63U, capacity, own,
          own + capacity, own - capacity, peer, own + (std::uint64_t{1} << 32U), own + (std::uint64_t{1} << 63U),
          peer + capacity}) {
        for (const std::uint64_t value : {base - 1, base, base + 1}) {
            values.at(n++) = value;
        }
    }
    for (const std::uint64_t value : {2 * capacity, own + capacity / 2, own - capacity / 2, own + 2 * capacity,
                                      own + 64, own + 8, ~std::uint64_t{0} - 1, ~std::uint64_t{0} / 3}) {
        values.at(n++) = value;
    }
    while (n != values.size()) {
        const std::uint64_t anything = pattern_word(seed * values.size() + n);
        // Half of them near enough to be taken for an honest one.
        values.at(n) = n % 2 == 0 ? anything : own + anything % (2 * capacity) - capacity;
        ++n;
    }
    return values;
}

struct injection {
    stage* where;
    target what;
    std::uint64_t value;
};

void overwrite(announcement<detail::native>& words, std::uint64_t value) noexcept {
    words.cursor.store(value, std::memory_order_relaxed);
    words.closed.store(static_cast<std::uint32_t>(value), std::memory_order_relaxed);
    words.wake_at.store(value, std::memory_order_relaxed);
    words.need_at.store(value, std::memory_order_relaxed);
    words.wakes.store(static_cast<std::uint32_t>(value), std::memory_order_relaxed);
}

void overwrite(storage::shared_header& header, std::uint64_t value) noexcept {
    header = {value, value, value, value, value, value};
}

void inject(void* what) {
    const auto& hostile = *static_cast<const injection*>(what);
    auto& peer = hostile.where->peer();
    switch (hostile.what) {
        case target::cursor:
            return peer.cursor.store(hostile.value, std::memory_order_relaxed);
        case target::closed:
            return peer.closed.store(static_cast<std::uint32_t>(hostile.value), std::memory_order_relaxed);
        case target::wake_at:
            return peer.wake_at.store(hostile.value, std::memory_order_relaxed);
        case target::need_at:
            return peer.need_at.store(hostile.value, std::memory_order_relaxed);
        case target::wakes:
            return peer.wakes.store(static_cast<std::uint32_t>(hostile.value), std::memory_order_relaxed);
        case target::header:
            return overwrite(hostile.where->peer_page().header, hostile.value);
        case target::victims_own:
            overwrite(hostile.where->victims_page().header, hostile.value);
            return overwrite(hostile.where->victim(), hostile.value);
        case target::everything:
            overwrite(hostile.where->peer_page().header, hostile.value);
            overwrite(peer, hostile.value);
            overwrite(hostile.where->victim(), hostile.value);
            return;
    }
}

struct totals {
    std::uint64_t injections = 0;
    std::uint64_t counted = 0;  ///< Of them, with every instruction counted.
    std::uint64_t corrupt = 0;
    std::uint64_t closed = 0;
    std::uint64_t moved = 0;
    std::uint64_t most_of_a_call = 0;
    std::uint64_t most_of_a_wait = 0;
    std::uint64_t reads_of_own = 0;
    std::uint64_t failures = 0;
};

/// What must be, given what was injected where.
enum class verdict : unsigned char { sound, corrupt, either };

template <role Role, class Cursor>
class sweep {
    using play_type = play<Role, Cursor>;
    using call_type = call<play_type>;

public:
    sweep(stepper& steps, stage& where, totals& sum) : steps_{&steps}, where_{&where}, sum_{&sum} {}

    struct extent {
        std::uint64_t start = 0;
        bool count = false;           ///< Inject while every instruction is counted, too.
        bool every_boundary = false;  ///< Inject there, not only before loads.
    };

    void run(const scene& what, const call_type& how, const extent& where) {
        constexpr std::uint64_t enough_failures = 100;
        if (sum_->failures > enough_failures) {
            return;
        }
        scene_ = &what;
        call_ = &how;
        start_ = where.start;
        steps_->watch(where_->page_it_reads(), where_->page_it_writes());
        const bool countable = how.kind != sort::bulk;
        injection none{where_, target::header, 0};
        (void)perform({}, none, verdict::either);  // So that no function is bound by the linker in what is counted.
        const auto alone = perform({.count = countable, .watch_own = true}, none, verdict::either);
        sum_->reads_of_own += alone.reads_of_own;
        const std::size_t loads = std::min(alone.loads, alone.where.size());
        for (std::size_t n = 0; n != loads; ++n) {
            // A wait looks again and again in the same way: the first looks, the last ones, and what is not a look.
            const target word = word_at(alone.where.at(n).offset);
            const bool again = n >= 4 && n + 4 < loads && (word == target::cursor || word == target::closed);
            if (again) {
                continue;
            }
            before_load(alone, n, where.count && countable);
        }
        if (where.every_boundary && countable) {
            for (std::uint64_t step = 0; step <= alone.steps; ++step) {
                at_step(step);
            }
        }
    }

private:
    void before_load(const stepper::report& alone, std::size_t n, bool count) {
        const target loaded = word_at(alone.where.at(n).offset);
        const auto values = hostile_values(own(), peer(), ++seed_);
        for (const target what : all_targets) {
            // All values for the word that is about to be loaded, and some for what is not.
            const std::size_t stride = what == loaded ? 1 : what == target::everything ? 4 : 12;
            for (std::size_t i = n % stride; i < values.size(); i += stride) {
                injection hostile{where_, what, values.at(i)};
                const verdict must = verdict_of(alone, n, hostile, loaded);
                ++sum_->injections;
                (void)perform({.at_load = n}, hostile, must);
                if (count && i % 8 == n % 8 && what == loaded) {
                    ++sum_->injections;
                    ++sum_->counted;
                    (void)perform({.count = true, .at_step = alone.where.at(n).steps}, hostile, must);
                }
            }
        }
    }

    void at_step(std::uint64_t step) {
        const auto values = hostile_values(own(), peer(), ++seed_);
        for (const target what : all_targets) {
            const std::size_t stride = what == target::cursor ? 1 : what == target::everything ? 4 : 24;
            for (std::size_t i = step % stride; i < values.size(); i += stride) {
                injection hostile{where_, what, values.at(i)};
                ++sum_->injections;
                (void)perform({.count = true, .at_step = step, .free_afterwards = true}, hostile,
                              touches_cursor(what) ? verdict::either : verdict::sound);
            }
        }
    }

    [[nodiscard]] std::uint64_t own() const noexcept { return start_ + scene_->moved; }
    [[nodiscard]] std::uint64_t peer() const noexcept { return start_ + scene_->now; }

    [[nodiscard]] static bool touches_cursor(target what) noexcept {
        return what == target::cursor || what == target::everything;
    }

    [[nodiscard]] target word_at(std::size_t offset) const noexcept {
        const auto* const peer = reinterpret_cast<const std::byte*>(&where_->peer());
        const auto* const page = reinterpret_cast<const std::byte*>(&where_->peer_page());
        const std::size_t in_it = offset - static_cast<std::size_t>(peer - page);
        struct place {
            std::size_t at;
            target what;
        };
        constexpr std::array places{place{0, target::cursor}, place{8, target::closed},
                                    place{cache_line, target::wake_at}, place{cache_line + 8, target::need_at},
                                    place{cache_line + 16, target::wakes}};
        for (const auto& [at, what] : places) {
            if (in_it == at) {
                return what;
            }
        }
        return target::header;
    }

    [[nodiscard]] verdict verdict_of(const stepper::report& alone, std::size_t n, const injection& hostile,
                                     target loaded) const noexcept {
        if (!touches_cursor(hostile.what)) {
            return verdict::sound;
        }
        const auto earlier_looks = std::count_if(
            alone.where.begin(), alone.where.begin() + static_cast<std::ptrdiff_t>(n),
            [this](const stepper::load& load) noexcept { return word_at(load.offset) == target::cursor; });
        // A producer that has not looked yet knows of no room, and takes any peer for sound that has read nothing yet.
        const bool knows_nothing = Role == role::producer && scene_->moved == 0 && scene_->seen == 0;
        const std::uint64_t at_first = knows_nothing ? start_ - stage::capacity : start_ + scene_->seen;
        const std::uint64_t known = earlier_looks == 0 ? at_first : start_ + scene_->now;
        const std::uint64_t furthest = Role == role::producer ? own() : own() + stage::capacity;
        if (hostile.value - known <= furthest - known) {
            return verdict::sound;
        }
        return loaded == target::cursor ? verdict::corrupt : verdict::either;
    }

    const stepper::report& perform(const stepper::plan& how, injection& hostile, verdict must) {
        struct argument {
            play_type* played;
            const call_type* what;
        };
        auto* const played = new (&room_) play_type{*where_, *scene_, start_};
        where_->discarded_too_much = false;
        argument both{played, call_};
        const auto& report = steps_->run(
            how, inject, &hostile,
            [](void* what) {
                const auto& [player, operation] = *static_cast<argument*>(what);
                player->result = operation->run(*player);
            },
            &both);
        if (report.how != stepper::ending::returned) {
            fail(hostile, report.how == stepper::ending::faulted ? "a fault" : "no end");
            return report;  // With the end left where it is.
        }
        if (how.count && !how.free_afterwards) {
            auto& most = call_->kind == sort::waiting ? sum_->most_of_a_wait : sum_->most_of_a_call;
            most = std::max(most, report.steps);
        }
        if ((how.at_load != stepper::never || how.at_step != stepper::never) && !report.acted) {
            fail(hostile, "an injection that never was");
        }
        judge(*played, hostile, must);
        std::destroy_at(played);
        return report;
    }

    void judge(play_type& played, const injection& hostile, verdict must) {
        const auto result = played.result;
        if (result.count > result.most) {
            fail(hostile, "more than there may be");
        }
        if (where_->discarded_too_much) {
            fail(hostile, "more memory given back than there is");
        }
        if (call_->kind != sort::waiting && paced::wakes > 1) {
            fail(hostile, "woken more than once");
        }
        if (result.why == status::too_large) {
            fail(hostile, "too large");
        }
        if (hostile.what != target::victims_own && hostile.what != target::everything) {
            const std::uint64_t moved = where_->victim().cursor.load(std::memory_order_relaxed) - played.published();
            if (moved > stage::capacity) {
                fail(hostile, "an own cursor that went too far");
            }
            sum_->moved += moved;
        }
        const status after = played.end.state();
        sum_->corrupt += after == status::corrupt ? 1 : 0;
        sum_->closed += after == status::closed ? 1 : 0;
        const bool was_corrupt = scene_->corrupt;
        if (must == verdict::corrupt || was_corrupt) {
            if (after != status::corrupt) {
                fail(hostile, "believed");
            }
        } else if (must == verdict::sound && after == status::corrupt) {
            fail(hostile, "called corrupt");
        }
        if (after == status::corrupt) {
            stays_corrupt(played, hostile);
        }
    }

    void stays_corrupt(play_type& played, const injection& hostile) {
        played.be_honest();
        std::size_t moved = 0;
        status waited = status::ok;
        if constexpr (Role == role::producer) {
            moved = played.end.try_write(where_->buffer(1)) + played.end.writable_at_least();
            waited = played.end.wait_writable(1, passed);
        } else {
            moved = played.end.try_read(where_->buffer(1)) + played.end.readable_at_least();
            waited = played.end.wait_readable(1, passed);
        }
        if (moved != 0 || waited != status::corrupt || played.end.state() != status::corrupt) {
            fail(hostile, "corrupt, and then no more");
        }
    }

    void fail(const injection& hostile, const char* what) {
        constexpr std::uint64_t enough = 10;
        if (++sum_->failures <= enough) {
            std::printf("%s: %s, %s, target %d, value %#llx, start %#llx\n", what, call_->name, scene_->name,
                        static_cast<int>(hostile.what), static_cast<unsigned long long>(hostile.value),
                        static_cast<unsigned long long>(start_));
        }
    }

    stepper* steps_;
    stage* where_;
    totals* sum_;
    const scene* scene_ = nullptr;
    const call_type* call_ = nullptr;
    std::uint64_t start_ = 0;
    std::uint64_t seed_ = 0;
    std::aligned_storage_t<sizeof(play_type), alignof(play_type)> room_{};
};

constexpr std::array<std::uint64_t, 3> starts{0, (std::uint64_t{1} << 32U) - 3, ~std::uint64_t{0} - 2};

template <role Role, class Cursor>
void sweep_all(stepper& steps, totals& sum, bool count) {
    stage where{Role};
    sweep<Role, Cursor> all{steps, where, sum};
    for (const auto& what : scenes_of<Role>()) {
        for (const auto& how : calls_of(static_cast<play<Role, Cursor>*>(nullptr))) {
            for (const std::uint64_t start : starts) {
                if (start != starts.back() && (!count || how.kind == sort::waiting)) {
                    continue;
                }
                all.run(what, how, {.start = start, .count = count && start == starts.back()});
            }
        }
    }
}

template <role Role>
void sweep_every_boundary(stepper& steps, totals& sum) {
    stage where{Role};
    sweep<Role, cursor::cached> all{steps, where, sum};
    for (const auto& what : scenes_of<Role>()) {
        const bool worth_it = what.seen != what.now && (what.asleep || what.closed);
        for (const auto& how : calls_of(static_cast<play<Role, cursor::cached>*>(nullptr))) {
            if (worth_it && how.kind == sort::data) {
                all.run(what, how, {.start = starts.back(), .every_boundary = true});
            }
        }
    }
}

void tell(const char* name, const totals& sum) {
    std::printf(
        "%s: %llu injections (%llu with every instruction counted), %llu corrupt, %llu closed; at most %llu "
        "instructions in a call, %llu in a wait; %llu failures\n",
        name, static_cast<unsigned long long>(sum.injections), static_cast<unsigned long long>(sum.counted),
        static_cast<unsigned long long>(sum.corrupt), static_cast<unsigned long long>(sum.closed),
        static_cast<unsigned long long>(sum.most_of_a_call), static_cast<unsigned long long>(sum.most_of_a_wait),
        static_cast<unsigned long long>(sum.failures));
}

}  // namespace

TEST_SUITE("process") {
    TEST_CASE("an end believes no word that a peer could not have meant, whenever it changes") {
        const watchdog dog{"the sweep of hostile writes", std::chrono::seconds{280}};
        totals sum;
        {
            stepper steps;
            sweep_all<role::producer, cursor::cached>(steps, sum, true);
            sweep_all<role::consumer, cursor::cached>(steps, sum, true);
            sweep_all<role::producer, cursor::direct>(steps, sum, false);
            sweep_all<role::consumer, cursor::direct>(steps, sum, false);
            sweep_all<role::producer, cursor::batched<64>>(steps, sum, false);
            sweep_all<role::consumer, cursor::batched<64>>(steps, sum, false);
        }
        tell("hostile writes", sum);
        CHECK(sum.failures == 0);
        CHECK(sum.reads_of_own == 0);
        CHECK(sum.injections >= 200'000);
        CHECK(sum.counted >= 5'000);
        CHECK(sum.corrupt >= 10'000);
        CHECK(sum.closed >= 10'000);
        CHECK(sum.moved != 0);
        CHECK(sum.most_of_a_call <= most_instructions_of_a_call);
        CHECK(sum.most_of_a_wait <= most_instructions_of_a_wait);
    }

    TEST_CASE("long: the same at every instruction" * doctest::skip()) {
        const watchdog dog{"the sweep of hostile writes at every instruction", std::chrono::seconds{1700}};
        totals sum;
        {
            stepper steps;
            sweep_every_boundary<role::producer>(steps, sum);
            sweep_every_boundary<role::consumer>(steps, sum);
        }
        tell("hostile writes at every instruction", sum);
        CHECK(sum.failures == 0);
        CHECK(sum.injections >= 200'000);
    }
}

#else

TEST_CASE("hostile writes: skipped, this processor has no trap flag that a program can set") {
    MESSAGE("skipped: x86-64 only");
}

#endif
