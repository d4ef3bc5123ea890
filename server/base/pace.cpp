#include "server/base/pace.h"

#include <ctime>
#include <thread>

namespace sojourn::server {

std::chrono::nanoseconds Pace::cpu_time_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void Pace::give_way(std::chrono::microseconds work, std::chrono::microseconds pause) {
  const std::chrono::nanoseconds now = cpu_time_of_this_thread();
  if (now - paused_ < work) return;
  paused_ = now;
  std::this_thread::sleep_for(pause);
}

}  // namespace sojourn::server
