#include "server/observe/latency.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sojourn::server {

std::uint64_t total(const LatencyCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t percentile(const LatencyCounts& counts, double percent) {
  const auto all = static_cast<double>(total(counts));
  const auto wanted = static_cast<std::uint64_t>(std::max(1.0, std::round(all * percent / 100)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    seen += counts[bucket];
    if (seen >= wanted) return LatencyBuckets::highest_in(bucket);
  }
  return 0;
}

}  // namespace sojourn::server
