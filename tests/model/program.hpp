// A program to explore: some state, made anew for each execution, and what its threads do to it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace ferrule::model {

class program {
public:
    program() = default;
    program(const program&) = delete;
    program& operator=(const program&) = delete;
    virtual ~program() = default;

    [[nodiscard]] virtual unsigned threads() const noexcept = 0;
    /// Before the threads, and ordered before all of them.
    virtual void begin() = 0;
    virtual void run(unsigned thread) noexcept = 0;
    /// After the threads, and ordered after all of them. `whole` is false if one of them crashed.
    virtual void end(bool whole) = 0;
};

/// State: `static constexpr unsigned threads`; a constructor that sets up; `run(thread)`; `settle()`, which judges.
template <class State>
class program_of final : public program {
public:
    [[nodiscard]] unsigned threads() const noexcept override { return State::threads; }
    void begin() override { state_ = ::new (static_cast<void*>(room_)) State; }
    void run(unsigned thread) noexcept override { state_->run(thread); }
    void end(bool whole) override {
        state_->settle();
        // A crashed thread never gave back what it holds, and nobody who still might is left to destroy anything.
        if (whole) {
            state_->~State();
        }
    }

private:
    State* state_ = nullptr;
    alignas(State) std::byte room_[sizeof(State)];
};

}  // namespace ferrule::model
