// A stretch of a ring lent to the caller: to write into before it is published, or to read before it is released.
//
// While a grant lives its end is busy, as if one long call were running in it: another call into that end is diagnosed
// (guard::checked) or waits (guard::locked). A grant stays on the thread that made it.
#pragma once

#include <cstddef>
#include <utility>

#include <ferrule/detail/failure.hpp>
#include <ferrule/span_pair.hpp>

namespace ferrule::inline v0 {

namespace detail {

/// What the two kinds of grant share: slots, and the open call that keeps everybody else out of the end.
template <class End, class InCall>
class grant {
public:
    using value_type = typename End::value_type;

    grant(const grant&) = delete;
    grant& operator=(const grant&) = delete;
    grant& operator=(grant&&) = delete;

    /// True if there is anything in it and it was not used up yet.
    [[nodiscard]] explicit operator bool() const noexcept { return end_ != nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return parts_.size(); }
    /// The slots in stream order, in the ring's own memory. Valid until the grant is used up or dropped.
    [[nodiscard]] span_pair<value_type> parts() const noexcept { return parts_; }

protected:
    grant() noexcept = default;
    grant(End& end, span_pair<value_type> parts, InCall&& in) noexcept
        : end_{&end}, parts_{parts}, in_{std::move(in)} {}
    grant(grant&& other) noexcept
        : end_{std::exchange(other.end_, nullptr)},
          parts_{std::exchange(other.parts_, {})},
          in_{std::move(other.in_)} {}
    ~grant() = default;

    /// Ends the grant: hands its end and its first `n` slots to `settle`, then ends the call.
    template <class Settle>
    void use_up(std::size_t n, const char* too_much, Settle settle) noexcept {
        if (n > parts_.size()) [[unlikely]] {
            misuse(too_much);
        }
        if (End* const end = std::exchange(end_, nullptr); end != nullptr) {
            settle(*end, std::exchange(parts_, {}).first(n));
            in_.end();
        }
    }

private:
    End* end_ = nullptr;
    span_pair<value_type> parts_{};
    [[no_unique_address]] InCall in_{};
};

}  // namespace detail

/// Slots to write into. Nothing is published until commit(), and nothing at all if the grant is dropped.
template <class Producer, class InCall>
class [[nodiscard]] write_grant : public detail::grant<Producer, InCall> {
public:
    write_grant(write_grant&&) noexcept = default;

    /// Publishes the first `n` elements of the grant, which the caller has written, and ends it.
    /// More than `size()` stops the program.
    void commit(std::size_t n) noexcept {
        this->use_up(n, "commit() of more than was prepared", [n](Producer& end, auto written) noexcept {
            Producer::platform::wrote(written.front.data(), written.front.size());
            Producer::platform::wrote(written.back.data(), written.back.size());
            end.advance(n);
        });
    }

private:
    friend Producer;
    write_grant() noexcept = default;
    write_grant(Producer& end, span_pair<typename Producer::value_type> parts, InCall&& in) noexcept
        : detail::grant<Producer, InCall>{end, parts, std::move(in)} {}
};

/// Elements to read in place, or to move out of. They stay in the ring until release(), all of them if the grant is
/// dropped.
template <class Consumer, class InCall>
class [[nodiscard]] read_grant : public detail::grant<Consumer, InCall> {
public:
    read_grant(read_grant&&) noexcept = default;

    /// Ends the life of the first `n` elements, gives their slots back to the producer, and ends the grant.
    /// More than `size()` stops the program.
    void release(std::size_t n) noexcept {
        this->use_up(n, "release() of more than was peeked", [n](Consumer& end, auto finished) noexcept {
            Consumer::platform::retire(finished.front.data(), finished.front.size());
            Consumer::platform::retire(finished.back.data(), finished.back.size());
            end.advance(n);
        });
    }

private:
    friend Consumer;
    read_grant() noexcept = default;
    read_grant(Consumer& end, span_pair<typename Consumer::value_type> parts, InCall&& in) noexcept
        : detail::grant<Consumer, InCall>{end, parts, std::move(in)} {}
};

}  // namespace ferrule::inline v0
