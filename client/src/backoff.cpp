#include "client/src/backoff.h"

#include <algorithm>

namespace sojourn::detail {

Backoff::Backoff(Millis first, Millis max, std::uint64_t seed)
    : first_(std::max(first, Millis(1))),
      max_(std::max(max, first_)),
      bound_(first_),
      random_(seed) {}

Backoff::Millis Backoff::next() {
  const Millis bound = bound_;
  bound_ = bound_ > max_ / 2 ? max_ : bound_ * 2;
  std::uniform_int_distribution<Millis::rep> wait((bound - bound / 2).count(), bound.count());
  return Millis(wait(random_));
}

void Backoff::reset() { bound_ = first_; }

}  // namespace sojourn::detail
