#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sojourn::load {

// The number's highest kExactBits + 1 bits name its bucket: the first of them is always set, so the
// position of the highest bit chooses a group, and the bits behind it a bucket in the group.
std::size_t Histogram::bucket_of(std::uint64_t ns) {
  const auto width = static_cast<unsigned>(std::bit_width(ns));
  if (width <= kExactBits) return ns;
  const unsigned shift = width - kExactBits - 1;
  const std::uint64_t behind_first = (ns >> shift) - (1u << kExactBits);
  return ((shift + 1) << kExactBits) + behind_first;
}

std::uint64_t Histogram::middle_of(std::size_t bucket) {
  const std::size_t group = bucket >> kExactBits;
  if (group == 0) return bucket;
  const std::uint64_t shift = group - 1;
  const std::uint64_t behind_first = bucket & ((1u << kExactBits) - 1);
  const std::uint64_t lowest = ((1u << kExactBits) + behind_first) << shift;
  return lowest + ((std::uint64_t{1} << shift) >> 1);
}

void Histogram::add(Duration duration, std::uint64_t times) {
  const auto ns = static_cast<std::uint64_t>(std::max(duration, Duration::zero()).count());
  buckets_[bucket_of(ns)] += times;
  count_ += times;
  max_ = std::max(max_, duration);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Histogram::Duration Histogram::quantile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) return std::min(Duration(middle_of(i)), max_);
  }
  return Duration::zero();
}

}  // namespace sojourn::load
