// One call into an end, bracketed by its guard.
#pragma once

#include <utility>

namespace ferrule::inline v0::detail {

/// Enters on construction, leaves on destruction or on end(). A grant keeps its call open for as long as it lives.
template <class GuardState>
class [[nodiscard]] call {
public:
    /// No call: there is nothing to leave.
    call() noexcept = default;
    [[gnu::always_inline]] explicit call(GuardState& state) noexcept : state_{&state}, token_{state.enter()} {}
    call(call&& other) noexcept : state_{std::exchange(other.state_, nullptr)}, token_{other.token_} {}
    call& operator=(call&&) = delete;
    [[gnu::always_inline]] ~call() { end(); }

    [[gnu::always_inline]] void end() noexcept {
        if (state_ != nullptr) {
            std::exchange(state_, nullptr)->leave(token_);
        }
    }

private:
    GuardState* state_ = nullptr;
    [[no_unique_address]] typename GuardState::token token_{};
};

/// The same for a call that neither waits nor calls anybody's code.
template <class GuardState>
class [[nodiscard]] brief_call {
public:
    [[gnu::always_inline]] explicit brief_call(GuardState& state) noexcept
        : state_{state}, token_{state.enter_briefly()} {}
    brief_call(const brief_call&) = delete;
    brief_call& operator=(const brief_call&) = delete;
    [[gnu::always_inline]] ~brief_call() { state_.leave_briefly(token_); }

private:
    GuardState& state_;
    [[no_unique_address]] typename GuardState::token token_;
};

}  // namespace ferrule::inline v0::detail
