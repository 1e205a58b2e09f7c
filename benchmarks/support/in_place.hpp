// Traffic that is written and verified where it lies, in grants of the ring's own memory or in blocks handed over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "traffic.hpp"

namespace ferrule::bench {

class in_place {
public:
    explicit in_place(std::size_t size) : size_{size} {}

    [[nodiscard]] std::size_t piece() const noexcept { return size_; }

    template <class Queue>
    void send(Queue& queue, std::uint64_t position) const {
        for (std::size_t left = size_; left != 0;) {
            const std::size_t n = send_some(queue, position, left);
            if (n == 0) {
                queue.await_space();
            }
            position += n;
            left -= n;
        }
    }

    template <class Queue>
    [[nodiscard]] received receive(Queue& queue, std::uint64_t position) const {
        auto lent = queue.peek();
        if constexpr (requires { lent.parts(); }) {
            if (!lent) {
                return {0, true};
            }
            const auto parts = lent.parts().first(size_);
            const bool right =
                payload::matches(parts.front, position) && payload::matches(parts.back, position + parts.front.size());
            const std::size_t n = parts.size();
            lent.release(n);
            return {n, right};
        } else {
            if (lent.empty()) {
                return {0, true};
            }
            const received got{lent.size(), payload::matches(lent, position)};
            queue.release();
            return got;
        }
    }

private:
    template <class Queue>
    [[nodiscard]] static std::size_t send_some(Queue& queue, std::uint64_t position, std::size_t most) {
        auto lent = queue.prepare(most);
        if constexpr (requires { lent.parts(); }) {
            if (!lent) {
                return 0;
            }
            const auto parts = lent.parts();
            payload::write(parts.front, position);
            payload::write(parts.back, position + parts.front.size());
            const std::size_t n = parts.size();
            lent.commit(n);
            return n;
        } else {
            if (!lent.empty()) {
                payload::write(lent, position);
                queue.commit(most);
            }
            return lent.size();
        }
    }

    std::size_t size_;
};

}  // namespace ferrule::bench
