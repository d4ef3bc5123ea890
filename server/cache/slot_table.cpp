#include "server/cache/slot_table.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// Items a bucket on average: grow above the first, aim at the second, shrink below the third.
// With items spread at random, 6.3 of 7 leaves about one item in eight away from home.
constexpr double kFullest = 6.5;
constexpr double kRoomy = 6.1;
constexpr double kEmptiest = 4.2;

std::uint32_t buckets_for(std::size_t items) {
  if (items <= SlotTable::kSlots) return 1;
  return static_cast<std::uint32_t>(static_cast<double>(items) / kRoomy) + 1;
}

std::uint32_t items_max(std::uint32_t buckets) {
  if (buckets <= 1) return buckets * SlotTable::kSlots;
  return static_cast<std::uint32_t>(buckets * kFullest);
}

}  // namespace

SlotTable::~SlotTable() { release(); }

void SlotTable::release() {
  if (heap_ == nullptr) {
    std::free(buckets_);
  } else if (count_ != 0) {
    heap_->free(buckets_, sizeof(Bucket) * count_);
  }
}

void SlotTable::swap(SlotTable& other) noexcept {
  std::swap(heap_, other.heap_);
  std::swap(buckets_, other.buckets_);
  std::swap(count_, other.count_);
  std::swap(size_, other.size_);
}

SlotTable::Place SlotTable::place(std::uint64_t item) {
  const std::uint32_t home = home_of(tag_in(item));
  for (std::uint32_t index = home;; index = next(index)) {
    for (std::uint64_t& slot : buckets_[index].slots) {
      if (slot != 0) continue;
      slot = item;
      ++size_;
      buckets_[home].away += index != home;
      return {&slot, &buckets_[home]};
    }
  }
}

SlotTable::Place SlotTable::insert(Tag tag, void* item) {
  if (size_ + 1 > items_max(count_)) resize(buckets_for(size_ + 1));
  return place(std::uint64_t{tag} << 48 | pointer_bits(item));
}

void SlotTable::erase(Place place) {
  *place.slot = 0;
  --size_;
  if (!in(*place.bucket, *place.slot)) {
    --place.bucket->away;
  } else if (place.bucket->away > 0) {
    call_home(static_cast<std::uint32_t>(place.bucket - buckets_), *place.slot);
  }
  shrink();
}

// One of those who are away takes the slot that has become free at home.
void SlotTable::call_home(std::uint32_t home, std::uint64_t& free) {
  visit_away(home, [&](std::uint64_t& slot) {
    free = std::exchange(slot, 0);
    return false;
  });
  --buckets_[home].away;
}

void SlotTable::shrink() {
  if (count_ == 0) return;
  if (size_ == 0) {
    SlotTable empty(heap_);
    swap(empty);
  } else if (count_ > 1 && size_ < count_ * kEmptiest) {
    resize(buckets_for(size_));
  }
}

// Due moments of single items are unknown here: a bucket takes the earliest of those it takes items
// from. Too early costs a look; see Shard::expire_due.
void SlotTable::resize(std::uint32_t count) {
  SlotTable other(heap_);
  other.count_ = count;
  const std::size_t bytes = sizeof(Bucket) * count;
  other.buckets_ = static_cast<Bucket*>(heap_ != nullptr ? heap_->allocate(bytes)
                                                         : std::aligned_alloc(64, bytes));
  CHECK(other.buckets_ != nullptr);
  std::memset(other.buckets_, 0, bytes);
  for (std::uint32_t index = 0; index < count; ++index) other.buckets_[index].due = kNeverDue;
  for (std::uint32_t home = 0; home < count_; ++home) {
    visit_items_of(home,
                   [&](std::uint64_t slot) { other.place(slot).lower_due(buckets_[home].due); });
  }
  swap(other);
}

}  // namespace sojourn::server
