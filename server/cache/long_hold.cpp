#include "server/cache/long_hold.h"

#include <utility>

namespace sojourn::server {

void LongHold::begin() {
  const std::lock_guard guard(mutex_);
  held_ = true;
}

void LongHold::leave(std::size_t shard, Keyspace::Totals totals) {
  const std::lock_guard guard(mutex_);
  left_.insert_or_assign(shard, std::move(totals));
}

void LongHold::leave_all(Keyspace::Totals totals) {
  const std::lock_guard guard(mutex_);
  left_of_all_ = std::move(totals);
}

std::vector<LongHold::Ready> LongHold::end() {
  const std::lock_guard guard(mutex_);
  held_ = false;
  left_.clear();
  left_of_all_.reset();
  return std::exchange(waiting_, {});
}

void LongHold::when_let_go(Ready ready) {
  {
    const std::lock_guard guard(mutex_);
    if (held_) {
      waiting_.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

void LongHold::tell_waiting() {
  std::vector<Ready> waiting;
  {
    const std::lock_guard guard(mutex_);
    waiting.swap(waiting_);
  }
  for (const Ready& ready : waiting) ready();
}

LongHold::Left LongHold::add(std::size_t shard, Keyspace::Totals& totals) const {
  const std::lock_guard guard(mutex_);
  if (left_of_all_) {
    totals = *left_of_all_;
    return Left::all;
  }
  const auto found = left_.find(shard);
  if (found == left_.end()) return Left::nothing;
  totals += found->second;
  return Left::shard;
}

}  // namespace sojourn::server
