// First one way, then another: poll as `First` does, and when its budget is spent park as `Second` does.
#pragma once

#include <chrono>
#include <cstdint>

#include <ferrule/concepts.hpp>

namespace ferrule::inline v0::waiter {

template <class First, class Second>
struct then {
    static constexpr bool can_wait = true;
    static constexpr bool must_be_woken = Second::must_be_woken;
    static constexpr bool wakes_everybody = Second::wakes_everybody;
    static constexpr bool crosses_processes = process_shared<First> && process_shared<Second>;
    using barrier = typename Second::barrier;

    [[no_unique_address]] First first{};
    [[no_unique_address]] Second second{};

    template <class Platform>
    class point {
    public:
        explicit point(const then& how) : first_{how.first}, second_{how.second} {}

        template <class Look>
        [[nodiscard]] polled poll(Look&& look, std::uint64_t want,
                                  std::chrono::steady_clock::time_point deadline) noexcept {
            return first_.poll(look, want, deadline);
        }
        template <class Word>
        void park(const Word& word, std::uint32_t seen, std::chrono::steady_clock::time_point deadline) noexcept {
            second_.park(word, seen, deadline);
        }
        template <class Word>
        void unpark(const Word& word) noexcept {
            second_.unpark(word);
        }
        [[nodiscard]] int fd() const noexcept requires pollable_point<typename Second::template point<Platform>> {
            return second_.fd();
        }
        void drain() noexcept requires pollable_point<typename Second::template point<Platform>> { second_.drain(); }
        template <class Word>
        void park(const Word& word, std::uint32_t seen, std::chrono::steady_clock::time_point deadline,
                  int life) noexcept requires vigilant_point<typename Second::template point<Platform>, Platform> {
            second_.park(word, seen, deadline, life);
        }
        [[nodiscard]] bool peer_is_gone() const noexcept requires
            vigilant_point<typename Second::template point<Platform>, Platform> {
            return second_.peer_is_gone();
        }

    private:
        [[no_unique_address]] typename First::template point<Platform> first_;
        [[no_unique_address]] typename Second::template point<Platform> second_;
    };
};

}  // namespace ferrule::inline v0::waiter
