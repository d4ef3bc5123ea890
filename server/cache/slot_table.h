#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "server/base/prefetch.h"

namespace sojourn::server {

// A coarse moment at which something in a bucket may have fallen due; see Shard.
using DueSlot = std::uint32_t;
inline constexpr DueSlot kNeverDue = std::numeric_limits<DueSlot>::max();

// A hash table from 16-bit tags to pointers. It knows nothing of what the pointers point at: a tag,
// a piece of the item's hash, says both which bucket an item is in and which slots are worth a
// look, so the table grows and shrinks without touching an item.
//
// A bucket is one cache line: seven slots (tag in the upper 16 bits, pointer in the lower 48), the
// moment the first of its items may fall due, and the number of an overflow bucket. Bucket i of n
// holds the tags t with floor(t * n / 2^16) == i: buckets are in tag order whatever n is, so a walk
// by tag (SCAN) meets every item once however the table is resized meanwhile. Sizes need not be
// powers of two, so it grows by a quarter and stays about 70-80 % full.
//
// Made for some thousands of items (kBucketsMax buckets, so that a bucket still covers several
// tags).
class SlotTable {
 public:
  using Tag = std::uint16_t;
  static constexpr std::uint32_t kTags = 1u << 16;
  static constexpr std::size_t kSlots = 7;
  static constexpr std::uint32_t kBucketsMax = 1u << 14;
  static constexpr std::size_t kPrefetchBytes = 512;

  struct alignas(64) Bucket {
    std::uint64_t slots[kSlots];
    DueSlot due;
    std::uint32_t next;  // index of an overflow bucket, 0: none
  };
  static_assert(sizeof(Bucket) == 64);

  // A slot in use. Holds until the table is changed.
  struct Place {
    std::uint64_t* slot = nullptr;
    Bucket* bucket = nullptr;  // the first of its chain: the one whose `due` counts

    explicit operator bool() const { return slot != nullptr; }
    template <class Item>
    Item* item() const {
      return reinterpret_cast<Item*>(*slot & kPointerMask);
    }
    void replace(void* item) const { *slot = (*slot & ~kPointerMask) | pointer_bits(item); }
    void lower_due(DueSlot due) const { bucket->due = std::min(bucket->due, due); }
  };

  SlotTable() = default;
  ~SlotTable();
  SlotTable(SlotTable&& other) noexcept { swap(other); }
  SlotTable& operator=(SlotTable&& other) noexcept {
    swap(other);
    return *this;
  }
  void swap(SlotTable& other) noexcept;

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return sizeof(Bucket) * (primary_ + overflow_); }

  // The item with this tag for which `same(item)` holds.
  template <class Item, class Same>
  Place find(Tag tag, Same&& same) const {
    if (primary_ == 0) return {};
    Bucket* const first = &buckets_[bucket_of(tag)];
    for (Bucket* bucket = first;; bucket = &buckets_[bucket->next]) {
      for (std::uint64_t& slot : bucket->slots) {
        if (slot != 0 && slot >> 48 == tag && same(*reinterpret_cast<Item*>(slot & kPointerMask))) {
          return {&slot, first};
        }
      }
      if (bucket->next == 0) return {};
    }
  }

  void prefetch_bucket(Tag tag) const {
    if (primary_ != 0) server::prefetch(&buckets_[bucket_of(tag)]);
  }
  // The first kPrefetchBytes of the items in the tag's first bucket that may be the one.
  void prefetch_item(Tag tag) const {
    if (primary_ == 0) return;
    for (const std::uint64_t slot : buckets_[bucket_of(tag)].slots) {
      if (slot != 0 && slot >> 48 == tag) {
        const char* const item = reinterpret_cast<const char*>(slot & kPointerMask);
        for (std::size_t at = 0; at < kPrefetchBytes; at += 64) server::prefetch(item + at);
      }
    }
  }

  // The item must not be in the table yet. May move every slot.
  Place insert(Tag tag, void* item);
  void erase(Place place);

  // Visits the items with tags in [from, end of that bucket) and returns where the next bucket
  // begins: kTags at the end.
  template <class Item, class Visit>
  std::uint32_t visit_from(std::uint32_t from, Visit&& visit) const {
    if (primary_ == 0) return kTags;
    const std::uint32_t index = bucket_of(static_cast<Tag>(from));
    const std::uint32_t end = first_tag_of(index + 1);
    visit_chain<Item>(index, [&](Item& item, Tag tag) {
      if (tag >= from) visit(item);
    });
    return end;
  }

  template <class Item, class Visit>
  void visit_bucket(std::uint32_t index, Visit&& visit) const {
    visit_chain<Item>(index, [&](Item& item, Tag) { visit(item); });
  }
  template <class Item, class Visit>
  void visit_all(Visit&& visit) const {
    for (std::uint32_t index = 0; index < primary_; ++index) {
      visit_bucket<Item>(index, visit);
    }
  }

  // The buckets as such, for whoever keeps `due`.
  std::uint32_t buckets() const { return primary_; }
  Bucket& bucket(std::uint32_t index) const { return buckets_[index]; }
  // Visits the items of one bucket; those for which `keep` is false are taken out.
  template <class Item, class Keep>
  void filter_bucket(std::uint32_t index, Keep&& keep) {
    for (Bucket* bucket = &buckets_[index];; bucket = &buckets_[bucket->next]) {
      for (std::uint64_t& slot : bucket->slots) {
        if (slot != 0 && !keep(*reinterpret_cast<Item*>(slot & kPointerMask))) {
          slot = 0;
          --size_;
        }
      }
      if (bucket->next == 0) return;
    }
  }
  // Gives room back after many items went; cheap when there is nothing to do.
  void shrink();
  // Overflow buckets behind the bucket of this tag: more than a few means the tags are not spread.
  std::size_t chain_length(Tag tag) const;

  static std::uint64_t pointer_bits(const void* item) {
    return reinterpret_cast<std::uintptr_t>(item);
  }

 private:
  static constexpr std::uint64_t kPointerMask = (std::uint64_t{1} << 48) - 1;

  std::uint32_t bucket_of(Tag tag) const {
    return static_cast<std::uint32_t>((std::uint64_t{tag} * primary_) >> 16);
  }
  std::uint32_t first_tag_of(std::uint32_t index) const {
    return static_cast<std::uint32_t>(((std::uint64_t{index} << 16) + primary_ - 1) / primary_);
  }
  template <class Item, class Visit>
  void visit_chain(std::uint32_t index, Visit&& visit) const {
    for (const Bucket* bucket = &buckets_[index];; bucket = &buckets_[bucket->next]) {
      for (std::uint64_t slot : bucket->slots) {
        if (slot != 0) {
          visit(*reinterpret_cast<Item*>(slot & kPointerMask), static_cast<Tag>(slot >> 48));
        }
      }
      if (bucket->next == 0) return;
    }
  }
  std::uint64_t* free_slot(std::uint32_t index);
  bool over_full() const;
  void resize(std::uint32_t primary);
  bool fill_from(const SlotTable& other);

  Bucket* buckets_ = nullptr;  // primary_ buckets, then overflow_ of them
  std::uint32_t primary_ = 0;
  std::uint32_t overflow_ = 0;
  std::uint32_t overflow_used_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace sojourn::server
