#include "server/store/pacing.h"

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

void PacedWork::give_way() {
  if (pacing_ == nullptr) return;
  const Pacing::Step step = pacing_->step();
  if (step.pause == microseconds(0)) return;
  pace_.give_way(step.work, step.pause);
}

}  // namespace sojourn::server
