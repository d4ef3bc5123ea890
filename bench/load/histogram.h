#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace sojourn::load {

// Counts durations in logarithmic buckets: what it gives back is at most 0.4 % off, whatever the
// size.
class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration duration, std::uint64_t times);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  Duration max() const { return max_; }
  // The duration that this share of all does not exceed; zero if there are none.
  Duration quantile(double share) const;
  // Calls with each duration that there is, from the least on, and how many times it is there.
  template <typename Use>
  void for_each(Use use) const {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (buckets_[i] > 0) use(Duration(middle_of(i)), buckets_[i]);
    }
  }

 private:
  static constexpr unsigned kExactBits = 7;  // durations below 2^7 ns have a bucket each
  static constexpr std::size_t kBuckets = (64 - kExactBits + 1) << kExactBits;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t middle_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Duration max_{0};
};

}  // namespace sojourn::load
