#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sojourn::server {

// Microseconds in buckets: one each below 4, from there four to a power of two. So what is told of
// a bucket is at most a quarter too much.
struct LatencyBuckets {
  static constexpr unsigned kPowers = 24;  // what took longer than 16 s counts as that
  static constexpr std::size_t kCount = 4 * (kPowers - 1);

  static constexpr std::size_t of(std::uint64_t us) {
    if (us < 4) return us;
    const auto power = static_cast<unsigned>(std::bit_width(us)) - 1;
    if (power >= kPowers) return kCount - 1;
    return 4 * (power - 1) + ((us >> (power - 2)) & 3);
  }
  static constexpr std::uint64_t highest_in(std::size_t bucket) {
    if (bucket < 4) return bucket;
    const std::size_t shift = bucket / 4 - 1;
    return ((bucket % 4 + 5) << shift) - 1;
  }
};

using LatencyCounts = std::array<std::uint64_t, LatencyBuckets::kCount>;

std::uint64_t total(const LatencyCounts& counts);
// The time in microseconds that this share of them, in percent, did not exceed; 0 when there are
// none.
std::uint64_t percentile(const LatencyCounts& counts, double percent);

}  // namespace sojourn::server
