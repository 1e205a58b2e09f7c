// The same script on plain sockets and on streams in several setups; a difference is told with everything that is
// needed to see it again, and with as few steps as still show it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coverage.hpp"
#include "dialer.hpp"
#include "driver.hpp"
#include "step.hpp"

namespace ferrule::test {

using trace = std::vector<std::string>;

/// The setups that a script is compared in. What is open in them is chosen by `seed`.
[[nodiscard]] inline std::vector<setup> setups(std::uint64_t seed, std::size_t steps) {
    std::minstd_rand random{seed * 2654435761U % 2147483647U + 1};
    net::options quick;
    quick.busy_poll = std::chrono::microseconds{seed % 4 == 0 ? 20 : 0};
    quick.opening_patience = std::chrono::microseconds{20};
    net::options large = quick;
    // Under an event loop a full ring is refused for a while before it spills: full is not full for good.
    large.overflow = seed % 2 == 0 || seed % 3 == 0 ? splice::overflow::never() : splice::overflow::on_full();
    net::options small = quick;
    small.ring_capacity = std::size_t{1} << random() % 14;
    small.overflow =
        random() % 2 == 0 ? splice::overflow::on_full() : splice::overflow::on_stall(std::chrono::microseconds{20});
    net::options tiny = quick;
    tiny.ring_capacity = std::size_t{1} << random() % 6;
    tiny.overflow = splice::overflow::on_full();
    const auto when = [&] { return random() % 3 == 0 ? std::size_t{0} : random() % (steps + 1); };
    auto only_one = std::array{std::size_t{0}, never_adopted};
    std::swap(only_one[0], only_one[seed % 2]);
    std::vector<setup> all(6);
    all[0] = {.name = "on the ring", .adopts = true, .opens_first = true, .how = large};
    all[0].is_polled = knows_polling<net::stream> && seed % 3 == 0;
    all[1] = {.name = "opening", .adopts = true, .how = small};
    all[2] = {.name = "adopted late", .adopts = true, .adopt_at = {when(), when()}, .how = quick};
    all[3] = {.name = "one end only", .adopts = true, .adopt_at = only_one, .how = quick};
    all[4] = {.name = "tiny ring", .adopts = true, .opens_first = true, .how = tiny};
    all[5] = {.name = "shared rings", .adopts = true, .shares_rings = true, .how = small};
    all[5].opens_first = seed % 4 != 0;
    all[5].how.pairing = net::pairing::off;
    return all;
}

/// Stops the program, with what it was doing, if a script hangs.
class supervisor {
public:
    supervisor()
        : thread_{[this] {
              std::unique_lock lock{mutex_};
              while (!done_) {
                  const auto was = count_;
                  const auto until = std::chrono::system_clock::now() + std::chrono::seconds{30};
                  if (!changed_.wait_until(lock, until, [&] { return done_ || count_ != was; })) {
                      std::fprintf(stderr, "hangs: %s\n", doing_.c_str());
                      std::abort();
                  }
              }
          }} {}
    supervisor(const supervisor&) = delete;
    supervisor& operator=(const supervisor&) = delete;
    ~supervisor() {
        {
            const std::lock_guard lock{mutex_};
            done_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void doing(std::string what) {
        const std::lock_guard lock{mutex_};
        doing_ = std::move(what);
        ++count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string doing_;
    std::uint64_t count_ = 0;
    bool done_ = false;
    std::thread thread_;  // Last: it uses the others.
};

/// What a script was seen to do differently.
struct difference {
    script steps;
    connection kind;
    setup with;
    trace as_plain;
    trace seen;
};

[[nodiscard]] inline std::string to_string(const difference& d) {
    std::string text = "\n" + test::to_string(d.kind) + ", " + std::string{d.with.name} + ", ring of " +
                       std::to_string(d.with.how.ring_capacity) +
                       (d.with.name == "adopted late" ? ", adopted before step " + std::to_string(d.with.adopt_at[0]) +
                                                            " and " + std::to_string(d.with.adopt_at[1])
                                                      : "") +
                       "\n";
    for (std::size_t i = 0; i != d.steps.size(); ++i) {
        const bool same = d.as_plain[i] == d.seen[i];
        text += "  " + test::to_string(d.steps[i]) + ": " + d.as_plain[i] + (same ? "" : "   <> " + d.seen[i]) + "\n";
    }
    return text + "  in one line: " + test::to_string(d.steps) + "\n";
}

class comparison {
public:
    /// Runs `steps`.
    [[nodiscard]] trace run(const script& steps, connection kind, const setup& with, coverage* seen = nullptr) {
        supervisor_.doing(about_ + test::to_string(kind) + ", " + std::string{with.name} + ", ring of " +
                          std::to_string(with.how.ring_capacity) + ": " + test::to_string(steps));
        driver at{dialer_.connect(kind), kind, with};
        trace told;
        for (const auto& s : steps) {
            const auto in = at.of(s.who);
            const auto by = at.route(s.who);
            told.push_back(at.take(s));
            if (seen != nullptr && told.back() != "skipped") {
                seen->add(s.operation, in, by);
            }
        }
        return told;
    }

    /// Lets `next(driver)` choose each step, as long as it does, on plain sockets.
    template <class Next>
    [[nodiscard]] std::pair<script, trace> invent(connection kind, Next next) {
        driver at{dialer_.connect(kind), kind, {}};
        std::pair<script, trace> made;
        for (std::optional<step> s; (s = next(std::as_const(at)));) {
            made.first.push_back(*s);
            supervisor_.doing(about_ + test::to_string(kind) + ", plain: " + test::to_string(made.first));
            made.second.push_back(at.take(*s));
        }
        return made;
    }

    /// The first difference there is, if any.
    [[nodiscard]] std::optional<difference> compare(const script& steps, connection kind, const trace& as_plain,
                                                    const std::vector<setup>& all, coverage* seen = nullptr) {
        for (const auto& with : all) {
            auto told = run(steps, kind, with, seen);
            if (told != as_plain) {
                return difference{steps, kind, with, as_plain, std::move(told)};
            }
        }
        return std::nullopt;
    }

    /// True if there is a difference again. What TCP does by its timers a script cannot foresee; what a stream does
    /// wrong it does more than once.
    [[nodiscard]] bool is_seen_again(const difference& d) {
        for (int i = 0; i != 5; ++i) {
            if (run(d.steps, d.kind, {}) != run(d.steps, d.kind, d.with)) {
                return true;
            }
        }
        return false;
    }

    /// The same difference, or another one, in fewer steps and of fewer bytes.
    [[nodiscard]] difference shrink(difference d) {
        bool smaller = true;
        const auto attempt = [&](script steps, setup with) {
            const auto as_plain = run(steps, d.kind, {});
            auto told = run(steps, d.kind, with);
            if (told == as_plain) {
                return false;
            }
            d = {std::move(steps), d.kind, with, as_plain, std::move(told)};
            return smaller = true;
        };
        while (std::exchange(smaller, false)) {
            for (std::size_t chunk = std::max<std::size_t>(d.steps.size() / 2, 1); chunk != 0; chunk /= 2) {
                for (std::size_t from = d.steps.size(); from-- != 0;) {
                    if (from + chunk > d.steps.size()) {
                        continue;
                    }
                    auto fewer = d.steps;
                    const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(from);
                    fewer.erase(first, first + static_cast<std::ptrdiff_t>(chunk));
                    auto with = d.with;
                    for (auto& at : with.adopt_at) {
                        at -= std::min(chunk, at > from ? at - from : 0);
                    }
                    (void)attempt(std::move(fewer), with);
                }
            }
            for (std::size_t i = 0; i != d.steps.size(); ++i) {
                for (const std::uint32_t size : {1U, d.steps[i].size / 2}) {
                    if (size < d.steps[i].size) {
                        auto less = d.steps;
                        less[i].size = size;
                        (void)attempt(std::move(less), d.with);
                    }
                }
            }
        }
        return d;
    }

    /// What is said before a script that hangs.
    void about(std::string what) { about_ = std::move(what); }

private:
    std::string about_;
    dialer dialer_;
    supervisor supervisor_;
};

}  // namespace ferrule::test
