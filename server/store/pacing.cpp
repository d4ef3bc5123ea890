#include "server/store/pacing.h"

#include <algorithm>

namespace sojourn::server {
namespace {

using std::chrono::microseconds;

// From a tenth of the core, when there is all the time, to a third. One worker that does nothing
// but write fills a memtable in three times the time that a flush takes, so beyond that it is
// behind. bench/README.md has what others did to p99.9.
constexpr microseconds kWork{150};
constexpr microseconds kPauseMax{1350};
constexpr microseconds kPauseMin{300};
constexpr Pacing::Step kBehind{microseconds(300), microseconds(100)};
constexpr Pacing::Step kNoPause{};

// Compaction begins at the first number, and writes stop at 48 (rocks_options.cpp).
constexpr double kRunsMin = 8;
constexpr double kRunsMax = 40;

}  // namespace

// 0: just begun; above 0.5: behind; above 1: writes may soon have to wait.
double Pacing::urgency(Work work) const {
  if (work == Work::compaction) {
    return (static_cast<double>(runs_.load(std::memory_order_relaxed)) - kRunsMin) /
           (kRunsMax - kRunsMin);
  }
  const auto usual = static_cast<double>(memtables_->kept_bytes_max());
  const auto used = static_cast<double>(memtables_->used_bytes());
  return usual == 0 ? 0.5 : (used - usual / 2) / usual;
}

Pacing::Step Pacing::step(Work work) const {
  if (!on_.load(std::memory_order_relaxed)) return kNoPause;
  const double urgency = this->urgency(work);
  if (urgency > 1) return kNoPause;
  if (urgency > 0.5) return kBehind;
  const auto more = std::chrono::duration_cast<microseconds>((kPauseMax - kPauseMin) *
                                                             (1 - 2 * std::max(urgency, 0.0)));
  return {kWork, kPauseMin + more};
}

void PacedWork::give_way() {
  if (pacing_ == nullptr) return;
  const Pacing::Step step = pacing_->step(work_);
  if (step.pause == microseconds(0)) return;
  pace_.give_way(step.work, step.pause);
}

}  // namespace sojourn::server
