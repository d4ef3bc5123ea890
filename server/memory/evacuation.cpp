#include "server/memory/evacuation.h"

#include <algorithm>
#include <bit>

namespace sojourn::server {

std::size_t Evacuation::free_bytes() const {
  const std::size_t mapped = heap_.mapped_bytes();
  return mapped - std::min(mapped, heap_.used_bytes());
}

bool Evacuation::worthwhile() {
  const std::size_t free = free_bytes();
  const std::size_t least = std::max(kWorthwhileMin, heap_.used_bytes() / 16);
  hopeless_bytes_ = std::min(hopeless_bytes_, free);
  return free > hopeless_bytes_ + least;
}

bool Evacuation::step(std::size_t walkers) {
  switch (stage_) {
    case Stage::idle:
      if (heap_.give_back()) return true;
      if (!worthwhile()) return false;
      at_ = 0;
      regions_at_.fill(0);
      used_at_.fill(0);
      stage_ = Stage::survey;
      return true;
    case Stage::survey:
      return survey();
    case Stage::leave:
      return leave();
    case Stage::walk:
      if (walked_.load(std::memory_order_acquire) < walkers) return false;
      number_.store(0, std::memory_order_relaxed);
      at_ = emptied_ = 0;
      stage_ = Stage::stay;
      return true;
    case Stage::stay:
      return stay();
  }
  return false;
}

bool Evacuation::survey() {
  const std::vector<Region*> some = heap_.regions(at_);
  for (Region* const region : some) {
    const std::size_t used = SlabHeap::used_bytes(*region);
    const std::size_t level = std::min(used * kLevels / Region::kBytes, kLevels - 1);
    region->level = static_cast<std::uint8_t>(level);
    ++regions_at_[level];
    used_at_[level] += used;
  }
  at_ += some.size();
  if (!some.empty()) return true;
  if (choose()) {
    at_ = 0;
    leaving_.clear();
    mapped_before_ = heap_.mapped_bytes();
    stage_ = Stage::leave;
    return true;
  }
  hopeless_bytes_ = free_bytes();
  stage_ = Stage::idle;
  return false;
}

// As many of the emptiest regions as the others have room for, with a reserve: what is free is not
// all in blocks of the sizes that will be wanted.
bool Evacuation::choose() {
  std::size_t room = 0;
  for (std::size_t level = 0; level < kLevels; ++level) {
    room += regions_at_[level] * Region::kBytes - used_at_[level];
  }
  std::size_t to_move = 0;
  bool any = false;
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (regions_at_[level] == 0) continue;
    const std::size_t used = used_at_[level] / regions_at_[level];
    std::size_t chosen = 0;
    while (chosen < regions_at_[level] &&
           to_move + used <= (room - std::min(room, Region::kBytes - used)) / 16 * 15) {
      room -= Region::kBytes - used;
      to_move += used;
      ++chosen;
    }
    any = any || chosen > 0;
    level_max_ = level;
    of_level_max_ = chosen;
    if (chosen < regions_at_[level]) break;
  }
  return any;
}

bool Evacuation::leave() {
  const std::vector<Region*> some = heap_.regions(at_);
  for (Region* const region : some) {
    const bool chosen =
        region->level < level_max_ || (region->level == level_max_ && of_level_max_ > 0);
    if (!chosen) continue;
    if (region->level == level_max_) --of_level_max_;
    heap_.leave(*region);
    leaving_.push_back(region);
  }
  at_ += some.size();
  if (!some.empty()) return true;
  leaving_set_.assign(std::bit_ceil(2 * leaving_.size() + 2), 0);
  for (Region* const region : leaving_) remember(*region);
  walked_.store(0, std::memory_order_relaxed);
  number_.store(++last_number_, std::memory_order_release);
  stage_ = Stage::walk;
  return false;
}

void Evacuation::remember(Region& region) {
  const std::uintptr_t number = region_number(&region);
  std::size_t at = home_of(number);
  while (leaving_set_[at] != 0) at = (at + 1) & (leaving_set_.size() - 1);
  leaving_set_[at] = number;
}

bool Evacuation::stay() {
  for (std::size_t i = 0; i < SlabHeap::kRegionsAtOnce && at_ < leaving_.size(); ++i, ++at_) {
    emptied_ += heap_.stay(*leaving_[at_]);
  }
  if (at_ < leaving_.size()) return true;
  // Where little is won the free memory is in blocks of sizes that nobody wants.
  const std::size_t mapped_now = heap_.mapped_bytes() - emptied_ * Region::kBytes;
  const bool won = mapped_now + leaving_.size() * Region::kBytes / 4 <= mapped_before_;
  hopeless_bytes_ = won ? 0 : free_bytes();
  stage_ = Stage::idle;
  return true;
}

}  // namespace sojourn::server
