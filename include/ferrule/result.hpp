// A value, or why there is none: what everything returns that is not a count or a status.
#pragma once

#include <cerrno>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ferrule/detail/failure.hpp>

namespace ferrule::inline v0 {

/// An errno. What the system calls of this library have to say, and in its own words where no call was made.
struct failed {
    int with;
};

/// True and a value, or false and an error. As small as its value and an int, so that a count comes back in registers.
template <class T>
class [[nodiscard]] result {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_default_constructible_v<T>);

public:
    using value_type = T;

    explicit(false) result(T value) noexcept : value_{std::move(value)} {}
    explicit(false) result(failed why) noexcept : errno_{why.with} {}

    [[nodiscard]] explicit operator bool() const noexcept { return errno_ == 0; }

    /// The value. Stops the program if there is none.
    [[nodiscard]] T& operator*() noexcept {
        require_value();
        return value_;
    }
    [[nodiscard]] const T& operator*() const noexcept {
        require_value();
        return value_;
    }
    [[nodiscard]] T* operator->() noexcept { return &**this; }
    [[nodiscard]] const T* operator->() const noexcept { return &**this; }
    [[nodiscard]] T value_or(T other) const noexcept { return errno_ == 0 ? value_ : other; }

    /// The error; one that is false if there is a value.
    [[nodiscard]] std::error_code error() const noexcept { return {errno_, std::system_category()}; }

    /// True if a wait could have helped: what was asked for is not there yet.
    [[nodiscard]] bool would_block() const noexcept { return errno_ == EAGAIN; }

private:
    void require_value() const noexcept {
        if (errno_ != 0) [[unlikely]] {
            detail::misuse("the value of a result that is an error");
        }
    }

    T value_{};
    int errno_ = 0;
};

/// Whether something could be done.
template <>
class [[nodiscard]] result<void> {
public:
    result() noexcept = default;
    explicit(false) result(failed why) noexcept : errno_{why.with} {}

    [[nodiscard]] explicit operator bool() const noexcept { return errno_ == 0; }
    [[nodiscard]] std::error_code error() const noexcept { return {errno_, std::system_category()}; }

private:
    int errno_ = 0;
};

}  // namespace ferrule::inline v0
