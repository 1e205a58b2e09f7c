// One modelled thread: a stack of its own, entered and left by hand.
//
// ucontext makes the stack once; every later switch is _setjmp and _longjmp, which make no system call. A fiber that is
// abandoned in the middle of its body runs no destructors: it is simply started again from the bottom of its stack.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace ferrule::model {

class fiber {
public:
    using entry = void (*)(void* subject, unsigned index);

    fiber(entry run, void* subject, unsigned index);
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;
    ~fiber() = default;

    /// Runs the body from its beginning, until it leaves or ends. Called from outside of any fiber.
    void start() noexcept;
    /// Goes on where the body left. Called from outside of any fiber.
    void resume() noexcept;
    /// Returns to whoever started or resumed this fiber. Called by the body.
    void leave() noexcept;

private:
    static void bottom() noexcept;
    [[noreturn]] void serve() noexcept;

    static constexpr std::size_t stack_bytes = std::size_t{64} << 10U;

    entry run_;
    void* subject_;
    unsigned index_;
    std::unique_ptr<std::byte[]> stack_;
    ucontext_t first_outside_{};
    ucontext_t first_inside_{};
    jmp_buf outside_{};
    jmp_buf bottom_{};
    jmp_buf inside_{};
};

}  // namespace ferrule::model
