// For programs that know one thread at a time calls an end, and count every nanosecond.
#pragma once

namespace ferrule::inline v0::guard {

struct none {
    static constexpr bool many_threads = false;

    template <class Platform>
    struct state {
        struct token {};
        [[nodiscard]] static constexpr token enter() noexcept { return {}; }
        static constexpr void leave(token) noexcept {}
        [[nodiscard]] static constexpr token enter_briefly() noexcept { return {}; }
        static constexpr void leave_briefly(token) noexcept {}
        static constexpr void idle() noexcept {}
        static constexpr void resume() noexcept {}
    };
};

}  // namespace ferrule::inline v0::guard
