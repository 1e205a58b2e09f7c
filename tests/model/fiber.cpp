#include "fiber.hpp"

namespace ferrule::model {
namespace {

// makecontext passes ints only.
fiber* being_made = nullptr;

}  // namespace

fiber::fiber(entry run, void* subject, unsigned index)
    : run_{run}, subject_{subject}, index_{index}, stack_{std::make_unique<std::byte[]>(stack_bytes)} {
    ::getcontext(&first_inside_);
    first_inside_.uc_stack.ss_sp = stack_.get();
    first_inside_.uc_stack.ss_size = stack_bytes;
    first_inside_.uc_link = nullptr;
    being_made = this;
    ::makecontext(&first_inside_, &fiber::bottom, 0);
    ::swapcontext(&first_outside_, &first_inside_);
}

void fiber::bottom() noexcept { being_made->serve(); }

void fiber::serve() noexcept {
    if (_setjmp(bottom_) == 0) {
        ::swapcontext(&first_inside_, &first_outside_);
    }
    run_(subject_, index_);
    _longjmp(outside_, 1);
}

[[gnu::noinline]] void fiber::start() noexcept {
    if (_setjmp(outside_) == 0) {
        _longjmp(bottom_, 1);
    }
}

[[gnu::noinline]] void fiber::resume() noexcept {
    if (_setjmp(outside_) == 0) {
        _longjmp(inside_, 1);
    }
}

[[gnu::noinline]] void fiber::leave() noexcept {
    if (_setjmp(inside_) == 0) {
        _longjmp(outside_, 1);
    }
}

}  // namespace ferrule::model
