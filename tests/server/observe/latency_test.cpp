#include "server/observe/latency.h"

#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

TEST(Latency, IsToldAtMostAQuarterTooHighAndNeverTooLow) {
  std::size_t last = 0;
  for (std::uint64_t us = 0; us < (1u << LatencyBuckets::kPowers); us += 1 + us / 100) {
    const std::size_t bucket = LatencyBuckets::of(us);
    EXPECT_GE(bucket, last);
    EXPECT_GE(LatencyBuckets::highest_in(bucket), us);
    EXPECT_LE(LatencyBuckets::highest_in(bucket), us + us / 4);
    last = bucket;
  }
  EXPECT_EQ(last, LatencyBuckets::kCount - 1);
  EXPECT_EQ(LatencyBuckets::of(UINT64_MAX), LatencyBuckets::kCount - 1);
}

TEST(Latency, HasPercentiles) {
  LatencyCounts counts{};
  EXPECT_EQ(percentile(counts, 50), 0u);
  for (int i = 0; i < 98; ++i) ++counts[LatencyBuckets::of(1)];
  ++counts[LatencyBuckets::of(7)];
  ++counts[LatencyBuckets::of(1000)];
  EXPECT_EQ(total(counts), 100u);
  EXPECT_EQ(percentile(counts, 0), 1u);
  EXPECT_EQ(percentile(counts, 50), 1u);
  EXPECT_EQ(percentile(counts, 98), 1u);
  EXPECT_EQ(percentile(counts, 99), 7u);
  EXPECT_EQ(percentile(counts, 99.9), 1023u);
  EXPECT_EQ(percentile(counts, 100), 1023u);
}

}  // namespace
}  // namespace sojourn::server
