// Every latency sample, in buckets whose width is at most 1/32 of their value.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ferrule::bench {

/// Values below 32 have a bucket each; above, each power of two is cut into 32.
namespace log_linear {

inline constexpr unsigned cut = 5;
inline constexpr std::size_t buckets = (64 - cut + 1) << cut;

constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < 1U << cut) {
        return value;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - cut;
    return (std::size_t{shift} << cut) + (value >> shift);
}

constexpr std::uint64_t upper_bound(std::size_t bucket) noexcept {
    if (bucket < 2U << cut) {
        return bucket;
    }
    const auto shift = static_cast<unsigned>(bucket >> cut) - 1;
    const std::uint64_t leading = (bucket & ((1U << cut) - 1)) + (1U << cut);
    return ((leading + 1) << shift) - 1;
}

static_assert(bucket_of(upper_bound(31)) == 31 && bucket_of(upper_bound(31) + 1) == 32);
static_assert(bucket_of(upper_bound(1000)) == 1000 && bucket_of(upper_bound(1000) + 1) == 1001);
static_assert(bucket_of(~std::uint64_t{0}) == buckets - 1);

}  // namespace log_linear

class histogram {
public:
    void add(std::uint64_t nanoseconds) noexcept {
        ++buckets_[log_linear::bucket_of(nanoseconds)];
        ++count_;
    }

    void add(const histogram& other) noexcept {
        for (std::size_t i = 0; i != buckets_.size(); ++i) {
            buckets_[i] += other.buckets_[i];
        }
        count_ += other.count_;
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// The upper bound of the bucket that holds the sample below which `fraction` of all samples lie; of the largest
    /// sample's if that is 1.
    [[nodiscard]] std::uint64_t percentile(double fraction) const noexcept {
        const auto rank = std::min(static_cast<std::uint64_t>(fraction * static_cast<double>(count_)), count_ - 1);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i != buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen > rank) {
                return log_linear::upper_bound(i);
            }
        }
        return 0;
    }

private:
    std::array<std::uint64_t, log_linear::buckets> buckets_{};
    std::uint64_t count_ = 0;
};

}  // namespace ferrule::bench
