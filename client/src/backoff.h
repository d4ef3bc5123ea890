#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace sojourn::detail {

// How long to wait before the next attempt: doubling from `first` to `max`, a random half left out.
class Backoff {
 public:
  using Millis = std::chrono::milliseconds;

  Backoff(Millis first, Millis max, std::uint64_t seed);

  Millis next();  // after another failure
  void reset();   // after a success

 private:
  Millis first_;
  Millis max_;
  Millis bound_;
  std::mt19937_64 random_;
};

}  // namespace sojourn::detail
