#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "server/base/prefetch.h"
#include "server/memory/slab_heap.h"

namespace sojourn::server {

// A coarse moment at which something in a bucket may have fallen due; see Shard.
using DueSlot = std::uint32_t;
inline constexpr DueSlot kNeverDue = std::numeric_limits<DueSlot>::max();

// A hash table from 16-bit tags to pointers. It knows nothing of what the pointers point at: a tag,
// a piece of the item's hash, says both which bucket an item belongs to and which slots are worth a
// look, so the table grows and shrinks without touching an item.
//
// A bucket is one cache line: seven slots (tag in the upper 16 bits, pointer in the lower 48), the
// moment the first of its items may fall due, and how many of its items did not fit and stand in
// the buckets behind it (behind the last comes the first). Bucket i of n is home to the tags t with
// floor(t * n / 2^16) == i: homes are in tag order whatever n is, so a walk by tag (SCAN) meets
// every item once however the table is resized meanwhile. Sizes need not be powers of two, so it
// grows by one bucket in sixteen and stays about nine tenths full.
//
// Made for some thousands of items.
class SlotTable {
 public:
  using Tag = std::uint16_t;
  static constexpr std::uint32_t kTags = 1u << 16;
  static constexpr std::size_t kSlots = 7;
  // With more buckets than this, one is home to few tags or none, and tags no longer tell items
  // apart.
  static constexpr std::uint32_t kBucketsOfManyTags = 1u << 14;
  static constexpr std::size_t kPrefetchBytes = 512;

  struct alignas(64) Bucket {
    std::uint64_t slots[kSlots];
    DueSlot due;
    std::uint32_t away;  // items of this bucket that stand in others
  };
  static_assert(sizeof(Bucket) == 64);

  // A slot in use. Holds until the table is changed.
  struct Place {
    std::uint64_t* slot = nullptr;
    Bucket* bucket = nullptr;  // the item's home, whose `due` counts

    explicit operator bool() const { return slot != nullptr; }
    template <class Item>
    Item* item() const {
      return reinterpret_cast<Item*>(*slot & kPointerMask);
    }
    void replace(void* item) const { *slot = (*slot & ~kPointerMask) | pointer_bits(item); }
    void lower_due(DueSlot due) const { bucket->due = std::min(bucket->due, due); }
  };

  // Its buckets come from `heap`, which must outlive it; from malloc without one.
  explicit SlotTable(SlabHeap* heap = nullptr) : heap_(heap) {}
  ~SlotTable();
  SlotTable(SlotTable&& other) noexcept { swap(other); }
  SlotTable& operator=(SlotTable&& other) noexcept {
    swap(other);
    return *this;
  }
  void swap(SlotTable& other) noexcept;

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_for(count_); }

  // The item with this tag for which `same(item)` holds.
  template <class Item, class Same>
  Place find(Tag tag, Same&& same) const {
    if (count_ == 0) return {};
    const std::uint32_t home = home_of(tag);
    Bucket* const first = &buckets_[home];
    for (std::uint64_t& slot : first->slots) {
      if (is(slot, tag) && same(*item_of<Item>(slot))) return {&slot, first};
    }
    Place found;
    if (first->away != 0) [[unlikely]] {
      visit_away(home, [&](std::uint64_t& slot) {
        if (!is(slot, tag) || !same(*item_of<Item>(slot))) return true;
        found = {&slot, first};
        return false;
      });
    }
    return found;
  }

  void prefetch_bucket(Tag tag) const {
    if (count_ != 0) server::prefetch(&buckets_[home_of(tag)]);
  }
  // The first kPrefetchBytes of the items that may be the one.
  void prefetch_item(Tag tag) const {
    if (count_ == 0) return;
    const std::uint32_t home = home_of(tag);
    for (const std::uint64_t slot : buckets_[home].slots) {
      if (is(slot, tag)) prefetch_item_in(slot);
    }
    if (buckets_[home].away != 0) {
      for (const std::uint64_t slot : buckets_[next(home)].slots) {
        if (is(slot, tag)) prefetch_item_in(slot);
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
    if (count_ == 0) return kTags;
    const std::uint32_t home = home_of(static_cast<Tag>(from));
    visit_items_of(home, [&](std::uint64_t& slot) {
      if (tag_in(slot) >= from) visit(*item_of<Item>(slot));
    });
    return first_tag_of(home + 1);
  }

  // The items at home in one bucket.
  template <class Item, class Visit>
  void visit_bucket(std::uint32_t home, Visit&& visit) const {
    visit_items_of(home, [&](std::uint64_t slot) { visit(*item_of<Item>(slot)); });
  }
  template <class Item, class Visit>
  void visit_all(Visit&& visit) const {
    for (std::uint32_t index = 0; index < count_; ++index) {
      for (const std::uint64_t slot : buckets_[index].slots) {
        if (slot != 0) visit(*item_of<Item>(slot));
      }
    }
  }
  // Each item becomes the one that `other(item)` returns, which stands for the same.
  template <class Item, class Other>
  void replace_all(Other&& other) {
    for (std::uint32_t index = 0; index < count_; ++index) {
      for (std::uint64_t& slot : buckets_[index].slots) {
        if (slot != 0) slot = (slot & ~kPointerMask) | pointer_bits(other(item_of<Item>(slot)));
      }
    }
  }

  // The buckets as such, for whoever keeps `due`.
  std::uint32_t buckets() const { return count_; }
  Bucket& bucket(std::uint32_t index) const { return buckets_[index]; }
  // Visits the items at home in one bucket; those for which `keep` is false are taken out.
  template <class Item, class Keep>
  void filter_bucket(std::uint32_t home, Keep&& keep) {
    Bucket& bucket = buckets_[home];
    std::uint32_t gone_away = 0;
    visit_items_of(home, [&](std::uint64_t& slot) {
      if (keep(*item_of<Item>(slot))) return;
      gone_away += !in(bucket, slot);
      slot = 0;
      --size_;
    });
    bucket.away -= gone_away;
  }
  // Gives room back after many items went; cheap when there is nothing to do.
  void shrink();
  // Has the buckets elsewhere in the heap if `leaving(buckets)`; see SlabHeap::move.
  template <class Leaving>
  void move_if(Leaving&& leaving) {
    if (heap_ != nullptr && bytes() <= size_class::kLargest && count_ != 0 && leaving(buckets_)) {
      buckets_ = static_cast<Bucket*>(heap_->move(buckets_, sizeof(Bucket) * count_));
    }
  }
  // Items that belong to this tag's bucket and found no room in it: more than a few dozen means
  // that the tags are not spread.
  std::size_t away_from_home(Tag tag) const {
    return count_ == 0 ? 0 : buckets_[home_of(tag)].away;
  }

  static std::uint64_t pointer_bits(const void* item) {
    return reinterpret_cast<std::uintptr_t>(item);
  }

 private:
  static constexpr std::uint64_t kPointerMask = (std::uint64_t{1} << 48) - 1;

  template <class Item>
  static Item* item_of(std::uint64_t slot) {
    return reinterpret_cast<Item*>(slot & kPointerMask);
  }
  static Tag tag_in(std::uint64_t slot) { return static_cast<Tag>(slot >> 48); }
  static bool is(std::uint64_t slot, Tag tag) { return slot != 0 && tag_in(slot) == tag; }
  static bool in(const Bucket& bucket, const std::uint64_t& slot) {
    return &slot >= &bucket.slots[0] && &slot < &bucket.slots[0] + kSlots;
  }
  static void prefetch_item_in(std::uint64_t slot) {
    const char* const item = item_of<const char>(slot);
    for (std::size_t at = 0; at < kPrefetchBytes; at += 64) server::prefetch(item + at);
  }

  std::uint32_t home_of(Tag tag) const {
    return static_cast<std::uint32_t>((std::uint64_t{tag} * count_) >> 16);
  }
  std::uint32_t first_tag_of(std::uint32_t index) const {
    return static_cast<std::uint32_t>(((std::uint64_t{index} << 16) + count_ - 1) / count_);
  }
  std::uint32_t next(std::uint32_t index) const { return index + 1 == count_ ? 0 : index + 1; }
  // Visits the slots of the items that are away from this home, until `visit` returns false.
  template <class Visit>
  void visit_away(std::uint32_t home, Visit&& visit) const {
    std::uint32_t left = buckets_[home].away;
    for (std::uint32_t index = next(home); left > 0; index = next(index)) {
      for (std::uint64_t& slot : buckets_[index].slots) {
        if (slot == 0 || home_of(tag_in(slot)) != home) continue;
        if (!visit(slot)) return;
        --left;
      }
    }
  }
  template <class Visit>
  void visit_items_of(std::uint32_t home, Visit&& visit) const {
    for (std::uint64_t& slot : buckets_[home].slots) {
      if (slot != 0 && home_of(tag_in(slot)) == home) visit(slot);
    }
    visit_away(home, [&](std::uint64_t& slot) {
      visit(slot);
      return true;
    });
  }
  static std::size_t bytes_for(std::uint32_t count) {
    return count == 0 ? 0 : SlabHeap::rounded(sizeof(Bucket) * count);
  }
  // Puts the item in: there must be a free slot.
  Place place(std::uint64_t slot);
  void call_home(std::uint32_t home, std::uint64_t& free);
  void resize(std::uint32_t count);
  void release();

  SlabHeap* heap_ = nullptr;
  Bucket* buckets_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace sojourn::server
