#include "server/cache/slot_table.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// Items a bucket on average: grow above the first, aim at the second, shrink below the third.
// With items spread at random, 5.6 of 7 leaves about one item in fifteen in an overflow bucket.
constexpr double kFullest = 5.6;
constexpr double kRoomy = 4.6;
constexpr double kEmptiest = 2.0;

std::uint32_t buckets_for(std::size_t items) {
  const auto wanted = static_cast<std::uint32_t>(static_cast<double>(items) / kRoomy) + 1;
  return std::min(wanted, SlotTable::kBucketsMax);
}

// A chain of up to seven needs no second bucket; larger tables overflow a little here and there.
std::uint32_t overflow_for(std::uint32_t primary) { return primary == 1 ? 0 : primary / 5 + 2; }

}  // namespace

SlotTable::~SlotTable() { std::free(buckets_); }

void SlotTable::swap(SlotTable& other) noexcept {
  std::swap(buckets_, other.buckets_);
  std::swap(primary_, other.primary_);
  std::swap(overflow_, other.overflow_);
  std::swap(overflow_used_, other.overflow_used_);
  std::swap(size_, other.size_);
}

bool SlotTable::over_full() const {
  return primary_ == 0 ||
         (primary_ > 1 && primary_ < kBucketsMax && size_ + 1 > primary_ * kFullest);
}

// A free slot in the chain of a bucket, with a new overflow bucket if need be; nullptr when there
// is no overflow bucket left.
std::uint64_t* SlotTable::free_slot(std::uint32_t index) {
  Bucket* bucket = &buckets_[index];
  for (;;) {
    for (std::uint64_t& slot : bucket->slots) {
      if (slot == 0) return &slot;
    }
    if (bucket->next == 0) break;
    bucket = &buckets_[bucket->next];
  }
  if (overflow_used_ == overflow_) return nullptr;
  bucket->next = primary_ + overflow_used_++;
  return &buckets_[bucket->next].slots[0];
}

SlotTable::Place SlotTable::insert(Tag tag, void* item) {
  if (over_full()) resize(buckets_for(size_ + 1));
  std::uint64_t* slot = free_slot(bucket_of(tag));
  // Out of overflow buckets: grow, or at the largest size take more of them.
  while (slot == nullptr) {
    resize(std::min(primary_ + primary_ / 4 + 1, kBucketsMax));
    slot = free_slot(bucket_of(tag));
  }
  *slot = std::uint64_t{tag} << 48 | pointer_bits(item);
  ++size_;
  return {slot, &buckets_[bucket_of(tag)]};
}

void SlotTable::erase(Place place) {
  *place.slot = 0;
  --size_;
  shrink();
}

void SlotTable::shrink() {
  if (primary_ == 0) return;
  if (size_ == 0) {
    SlotTable empty;
    swap(empty);
  } else if (primary_ > 1 && size_ < primary_ * kEmptiest) {
    resize(buckets_for(size_));
  }
}

void SlotTable::resize(std::uint32_t primary) {
  SlotTable larger;
  larger.primary_ = primary;
  larger.overflow_ = overflow_for(primary);
  if (primary == primary_)
    larger.overflow_ = std::max(larger.overflow_, overflow_ + overflow_ / 2 + 2);
  for (;;) {
    const std::size_t bytes = larger.bytes();
    larger.buckets_ = static_cast<Bucket*>(std::aligned_alloc(sizeof(Bucket), bytes));
    CHECK(larger.buckets_ != nullptr);
    std::memset(larger.buckets_, 0, bytes);
    if (larger.fill_from(*this)) break;
    // Unevenly spread: more room for overflow.
    std::free(larger.buckets_);
    larger.overflow_ += larger.overflow_ / 2 + 2;
  }
  swap(larger);
}

// Due moments of single items are unknown here: a bucket takes the earliest of those it takes items
// from. Too early costs a look; see Shard::expire_due.
bool SlotTable::fill_from(const SlotTable& other) {
  overflow_used_ = 0;
  size_ = 0;
  for (std::uint32_t index = 0; index < primary_; ++index) buckets_[index].due = kNeverDue;
  for (std::uint32_t from = 0; from < other.primary_; ++from) {
    const DueSlot due = other.buckets_[from].due;
    for (const Bucket* bucket = &other.buckets_[from];; bucket = &other.buckets_[bucket->next]) {
      for (std::uint64_t slot : bucket->slots) {
        if (slot == 0) continue;
        const std::uint32_t to = bucket_of(static_cast<Tag>(slot >> 48));
        std::uint64_t* const free = free_slot(to);
        if (free == nullptr) return false;
        *free = slot;
        ++size_;
        buckets_[to].due = std::min(buckets_[to].due, due);
      }
      if (bucket->next == 0) break;
    }
  }
  return true;
}

std::size_t SlotTable::chain_length(Tag tag) const {
  std::size_t length = 0;
  if (primary_ == 0) return 0;
  for (const Bucket* bucket = &buckets_[bucket_of(tag)]; bucket->next != 0;
       bucket = &buckets_[bucket->next]) {
    ++length;
  }
  return length;
}

}  // namespace sojourn::server
