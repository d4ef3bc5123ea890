#pragma once

#include <atomic>

#include "server/base/clock.h"

namespace sojourn::server {

// Time that stands still until a test advances it.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time start = from_unix_ms(1'700'000'000'000)) : now_ms_(unix_ms(start)) {}
  Time now() const override { return from_unix_ms(now_ms_.load()); }
  void advance(Millis by) { now_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ms_;
};

}  // namespace sojourn::server
