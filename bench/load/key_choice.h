#pragma once

#include <cstdint>

#include "bench/load/random.h"

namespace sojourn::load {

// Which of the sessions the next request asks for: all alike, or by Zipf's law, where the r-th most
// wanted one is asked for in proportion to 1 / r^exponent.
class KeyChoice {
 public:
  // exponent 0: all alike.
  KeyChoice(std::uint64_t keys, double exponent);

  // In [0, keys).
  std::uint64_t next(Random& random) const;

 private:
  std::uint64_t zipf_rank(Random& random) const;
  double area(double rank) const;
  double rank_at(double area) const;

  std::uint64_t keys_;
  double exponent_;
  double first_area_ = 0;
  double last_area_ = 0;
  double certain_below_ = 0;
};

}  // namespace sojourn::load
