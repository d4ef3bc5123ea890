#pragma once

#include <chrono>

#include "server/base/clock.h"
#include "server/observe/metrics.h"

namespace sojourn::server {

// Measures the turns of one worker, and keeps the longest in its metrics. A turn is what a worker
// does between two returns to its event loop: requests, upkeep, handing over the journal, sending.
//
// Reading a thread's CPU clock is a system call, dearer than looking up a session; so it is read at
// most every kReadEvery, and after turns that took long by the wall clock. A turn's CPU time is
// therefore told at most kReadEvery too high (what earlier short turns took since the last
// reading), never too low. It is at most the wall time, which counts what the kernel and other
// processes kept the worker waiting, too. On a virtual machine what the host took counts as CPU
// time.
//
// Threading: the worker's own.
class TurnTimer {
 public:
  static constexpr std::chrono::microseconds kReadEvery{100};

  using Clock = std::chrono::nanoseconds (*)();
  static std::chrono::nanoseconds wall_clock();
  static std::chrono::nanoseconds cpu_clock();  // of the calling thread

  explicit TurnTimer(WorkerMetrics& metrics, Clock wall = wall_clock, Clock cpu = cpu_clock)
      : metrics_(metrics), wall_(wall), cpu_(cpu) {}

  struct Turn {
    std::chrono::microseconds wall{0};
    std::chrono::microseconds cpu{0};
  };

  void begin();
  // The CPU time is 0, unless the turn is the longest so far or took at least `long_turn`.
  Turn end(Millis long_turn);

 private:
  std::chrono::microseconds cpu_time_until(std::chrono::nanoseconds ended);

  WorkerMetrics& metrics_;
  const Clock wall_;
  const Clock cpu_;
  std::chrono::nanoseconds began_{0};
  std::chrono::nanoseconds read_at_{-kReadEvery};  // when the CPU clock was read last, and
  std::chrono::nanoseconds cpu_then_{0};           // what it showed
};

}  // namespace sojourn::server
