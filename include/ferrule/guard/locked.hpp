// Lets several threads call one end: their calls take turns. A call that waits for the peer lets the others in
// meanwhile, so what it found may be gone again when it returns, as with two threads reading one socket.
#pragma once

namespace ferrule::inline v0::guard {

struct locked {
    static constexpr bool many_threads = true;

    template <class Platform>
    class state {
    public:
        struct token {};
        [[nodiscard]] token enter() noexcept {
            mutex_.lock();
            return {};
        }
        void leave(token) noexcept { mutex_.unlock(); }
        [[nodiscard]] token enter_briefly() noexcept { return enter(); }
        void leave_briefly(token in) noexcept { leave(in); }
        void idle() noexcept { mutex_.unlock(); }
        void resume() noexcept { mutex_.lock(); }

    private:
        typename Platform::mutex mutex_;
    };
};

}  // namespace ferrule::inline v0::guard
