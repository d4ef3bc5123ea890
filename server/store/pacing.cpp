#include "server/store/pacing.h"

#include <ctime>
#include <thread>

namespace sojourn::server {
namespace {

using std::chrono::microseconds;

// A third of the core while nothing waits: a flush takes a third of the time that the next memtable
// takes to be filled by one worker. bench/README.md has what others did to p99.9.
constexpr Pacing::Step kCalm{microseconds(150), microseconds(300)};
constexpr Pacing::Step kBehind{microseconds(300), microseconds(100)};
constexpr Pacing::Step kNoPause{};

}  // namespace

Pacing::Step Pacing::step() const {
  if (!on_.load(std::memory_order_relaxed)) return kNoPause;
  const std::size_t used = memtables_->used_bytes();
  const std::size_t usual = memtables_->kept_bytes_max();
  if (used <= usual) return kCalm;
  return used <= usual + usual / 2 ? kBehind : kNoPause;
}

std::chrono::nanoseconds PacedWork::cpu_time_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void PacedWork::give_way() {
  if (pacing_ == nullptr) return;
  const Pacing::Step step = pacing_->step();
  if (step.pause == microseconds(0)) return;
  const std::chrono::nanoseconds now = cpu_time_of_this_thread();
  if (now - paused_ < step.work) return;
  paused_ = now;
  std::this_thread::sleep_for(step.pause);
}

}  // namespace sojourn::server
