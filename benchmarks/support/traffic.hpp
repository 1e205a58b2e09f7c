// What goes through a contender, piece by piece, and what is verified on the other side.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "payload.hpp"

namespace ferrule::bench {

/// An element of 64 bytes.
struct line {
    std::array<std::uint64_t, 8> words;
};

[[nodiscard]] constexpr std::uint64_t element_at(std::uint64_t position, std::type_identity<std::uint64_t>) noexcept {
    return payload::word_at(position);
}
/// Stored 16 bytes at a time, as it will be copied: a 16-byte load of two 8-byte stores waits until both have left the
/// store buffer, which is where a queue's stores wait for the other processor.
[[nodiscard]] inline line element_at(std::uint64_t position, std::type_identity<line>) noexcept {
    using two [[gnu::vector_size(16)]] = std::uint64_t;
    line made;
    const std::uint64_t first = payload::word_at(position);
    two next{first, first + payload::step};
    for (std::size_t i = 0; i != made.words.size(); i += 2) {
        std::memcpy(&made.words[i], &next, sizeof next);
        next += 2 * payload::step;
    }
    return made;
}
/// The element at `position` of a stream of them; never all zero.
template <class T>
[[nodiscard]] T element_at(std::uint64_t position) noexcept {
    return element_at(position, std::type_identity<T>{});
}

[[nodiscard]] constexpr bool same(std::uint64_t a, std::uint64_t b) noexcept { return a == b; }
[[nodiscard]] constexpr bool same(const line& a, const line& b) noexcept { return a.words == b.words; }

/// What one attempt to receive came to.
struct received {
    std::uint64_t bytes;
    bool right;
};

/// One element at a time.
template <class T>
class one_by_one {
public:
    [[nodiscard]] static constexpr std::size_t piece() noexcept { return sizeof(T); }

    template <class Queue>
    void send(Queue& queue, std::uint64_t position) const {
        const T value = element_at<T>(position);
        while (!queue.try_push(value)) {
            queue.await_space();
        }
    }
    template <class Queue>
    [[nodiscard]] received receive(Queue& queue, std::uint64_t position) {
        return queue.try_pop(value_) ? received{sizeof(T), same(value_, element_at<T>(position))} : received{0, true};
    }

private:
    T value_{};
};

/// Many at a time, written from and read into a buffer of the caller's.
template <class T>
class chunks {
public:
    explicit chunks(std::size_t count) : buffer_(count) {}

    [[nodiscard]] std::size_t piece() const noexcept { return buffer_.size() * sizeof(T); }

    template <class Queue>
    void send(Queue& queue, std::uint64_t position) {
        payload::write(std::as_writable_bytes(std::span{buffer_}), position);
        for (std::span<const T> rest{buffer_}; !rest.empty();) {
            const std::size_t n = queue.try_write(rest);
            if (n == 0) {
                queue.await_space();
            }
            rest = rest.subspan(n);
        }
    }
    template <class Queue>
    [[nodiscard]] received receive(Queue& queue, std::uint64_t position) {
        const auto got = std::span{buffer_}.first(queue.try_read(buffer_));
        return {got.size_bytes(), payload::matches(std::as_bytes(got), position)};
    }

private:
    std::vector<T> buffer_;
};

}  // namespace ferrule::bench
