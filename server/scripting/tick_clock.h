#pragma once

#include <time.h>

#include <chrono>

namespace sojourn::server {

// The steady clock as of the kernel's last tick: some milliseconds coarse, and cheap enough to be
// asked at each call of a command.
struct TickClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TickClock>;
  static constexpr bool is_steady = true;

  static time_point now() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
};

}  // namespace sojourn::server
