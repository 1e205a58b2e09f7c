// Nothing, or a value of one of a few types; a branch where std::visit would have a table.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

namespace ferrule::inline v0::detail {

template <class First, class... Others>
class one_of {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return held_.index() != 0; }

    /// Makes a value in place of whatever was there. Arguments that throw end the program.
    template <class T, class... Arguments>
    void hold(Arguments&&... arguments) noexcept {
        held_.template emplace<T>(std::forward<Arguments>(arguments)...);
    }
    void reset() noexcept { held_.template emplace<0>(); }

    /// What `use` makes of the value. There must be one.
    template <class Use>
    [[gnu::always_inline]] decltype(auto) with(Use&& use) noexcept {
        return with_one_from<1>(held_, use);
    }
    template <class Use>
    [[gnu::always_inline]] decltype(auto) with(Use&& use) const noexcept {
        return with_one_from<1>(held_, use);
    }

private:
    template <std::size_t I, class Held, class Use>
    [[gnu::always_inline]] static decltype(auto) with_one_from(Held& held, Use& use) noexcept {
        if constexpr (I == sizeof...(Others) + 1) {
            return use(*std::get_if<I>(&held));
        } else {
            if (auto* const value = std::get_if<I>(&held)) {
                return use(*value);
            }
            return with_one_from<I + 1>(held, use);
        }
    }

    std::variant<std::monostate, First, Others...> held_;
};

}  // namespace ferrule::inline v0::detail
