#pragma once

#include <chrono>

namespace sojourn::server {

// How a thread in the background shares a core with workers. The kernel takes a core from a thread
// that works on only at its ticks, 4 ms apart in Debian's, and a worker would wait for so long; so
// it sleeps for a moment after a little work.
//
// Threading: one thread at a time, whose work is counted.
class Pace {
 public:
  // To be called often: sleeps for `pause` when this thread has worked for `work` since it slept
  // here. A call takes some 0.2 us.
  void give_way(std::chrono::microseconds work, std::chrono::microseconds pause);

 private:
  static std::chrono::nanoseconds cpu_time_of_this_thread();

  std::chrono::nanoseconds paused_ = cpu_time_of_this_thread();
};

}  // namespace sojourn::server
