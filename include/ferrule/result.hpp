// A value, or why there is none: what everything returns that is not a count or a status.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ferrule/detail/failure.hpp>

namespace ferrule::inline v0 {

/// Why the library itself refuses something that was handed to it.
enum class refusal : unsigned char {
    not_shared_memory = 1,  ///< The descriptor is no memory such as this library makes.
    not_sealed,             ///< Whoever made it can still take it away.
    wrong_size,             ///< It is not as large as it says.
    not_a_ring,             ///< Nobody made a ring in it.
    other_version,          ///< Its layout is another version's, or another compiler's.
    other_element,          ///< It is for elements of another size.
    wrong_capacity,         ///< It says something impossible.
    wrong_end,              ///< The end that is asked for is its maker's.
    wrong_doorbells,        ///< What shall wake and be woken are not the right ends of pipes.
};

[[nodiscard]] constexpr const char* to_string(refusal why) noexcept {
    switch (why) {
        case refusal::not_shared_memory:
            return "not shared memory";
        case refusal::not_sealed:
            return "shared memory whose size is not sealed";
        case refusal::wrong_size:
            return "shared memory of another size than it says";
        case refusal::not_a_ring:
            return "shared memory without a ring in it";
        case refusal::other_version:
            return "a ring of another version";
        case refusal::other_element:
            return "a ring of elements of another size";
        case refusal::wrong_capacity:
            return "a ring of an impossible capacity";
        case refusal::wrong_end:
            return "the end of a ring that its maker has";
        case refusal::wrong_doorbells:
            return "doorbells that are not the right ends of pipes";
    }
    return "unknown refusal";
}

/// The category of refusals.
[[nodiscard]] inline const std::error_category& refusals() noexcept {
    static const class : public std::error_category {
    public:
        [[nodiscard]] const char* name() const noexcept override { return "ferrule"; }
        [[nodiscard]] std::string message(int why) const override { return to_string(static_cast<refusal>(why)); }
    } category;
    return category;
}
[[nodiscard]] inline std::error_code make_error_code(refusal why) noexcept {
    return {static_cast<int>(why), refusals()};
}

/// An errno, as the system call said it, or a refusal.
struct failed {
    explicit constexpr failed(int error) noexcept : with{error} {}
    explicit constexpr failed(refusal why) noexcept : with{-static_cast<int>(why)} {}
    explicit failed(const std::error_code& why) noexcept
        : with{why.category() == refusals() ? -why.value() : why.value()} {}
    int with;  ///< Refusals are negative.
};

namespace detail {
[[nodiscard]] inline std::error_code error_of(int with) noexcept {
    return with < 0 ? make_error_code(static_cast<refusal>(-with)) : std::error_code{with, std::system_category()};
}
}  // namespace detail

/// True and a value, or false and an error. As small as its value and an int, so that a count comes back in registers.
template <class T>
class [[nodiscard]] result {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_default_constructible_v<T>);

public:
    using value_type = T;

    explicit(false) result(T value) noexcept : value_{std::move(value)} {}
    explicit(false) result(failed why) noexcept : with_{why.with} {}

    [[nodiscard]] explicit operator bool() const noexcept { return with_ == 0; }

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
    [[nodiscard]] T value_or(T other) const noexcept { return with_ == 0 ? value_ : other; }

    /// The error; one that is false if there is a value.
    [[nodiscard]] std::error_code error() const noexcept { return detail::error_of(with_); }

    /// True if a wait could have helped: what was asked for is not there yet.
    [[nodiscard]] bool would_block() const noexcept { return with_ == EAGAIN; }

private:
    void require_value() const noexcept {
        if (with_ != 0) [[unlikely]] {
            detail::misuse("the value of a result that is an error");
        }
    }

    T value_{};
    int with_ = 0;
};

/// Whether something could be done.
template <>
class [[nodiscard]] result<void> {
public:
    result() noexcept = default;
    explicit(false) result(failed why) noexcept : with_{why.with} {}

    [[nodiscard]] explicit operator bool() const noexcept { return with_ == 0; }
    [[nodiscard]] std::error_code error() const noexcept { return detail::error_of(with_); }

private:
    int with_ = 0;
};

}  // namespace ferrule::inline v0

template <>
struct std::is_error_code_enum<ferrule::refusal> : std::true_type {};
