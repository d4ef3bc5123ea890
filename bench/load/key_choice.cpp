#include "bench/load/key_choice.h"

#include <algorithm>
#include <cmath>

namespace sojourn::load {
namespace {

// A prime above any number of keys: multiplied by it, ranks fall all over the sessions, so that
// those most wanted are not the first that were stored and neighbours in memory.
constexpr std::uint64_t kSpread = 1'000'000'000'039;

// (e^x - 1) / x and log(1 + x) / x, also where x is nearly 0 (an exponent of nearly 1).
double expm1_over(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }
double log1p_over(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }

}  // namespace

// Rejection-inversion (Hörmann and Derflinger, 1996): a point under the curve x^-exponent is drawn
// by inverting its integral and kept if it is also under the staircase of the whole ranks. No table
// of the keys is needed.
KeyChoice::KeyChoice(std::uint64_t keys, double exponent) : keys_(keys), exponent_(exponent) {
  first_area_ = area(1.5) - 1;
  last_area_ = area(static_cast<double>(keys) + 0.5);
  certain_below_ = 2 - rank_at(area(2.5) - std::pow(2.0, -exponent_));
}

double KeyChoice::area(double rank) const {
  const double log_rank = std::log(rank);
  return expm1_over((1 - exponent_) * log_rank) * log_rank;
}

double KeyChoice::rank_at(double area) const {
  const double scaled = std::max(area * (1 - exponent_), -1.0);
  return std::exp(log1p_over(scaled) * area);
}

std::uint64_t KeyChoice::zipf_rank(Random& random) const {
  while (true) {
    const double at = last_area_ + random.fraction() * (first_area_ - last_area_);
    const double exact = rank_at(at);
    const double rank = std::clamp(std::round(exact), 1.0, static_cast<double>(keys_));
    if (rank - exact <= certain_below_ || at >= area(rank + 0.5) - std::pow(rank, -exponent_)) {
      return static_cast<std::uint64_t>(rank);
    }
  }
}

std::uint64_t KeyChoice::next(Random& random) const {
  if (exponent_ == 0) return random.below(keys_);
  const auto wide = static_cast<unsigned __int128>(zipf_rank(random)) * kSpread;
  return static_cast<std::uint64_t>(wide % keys_);
}

}  // namespace sojourn::load
