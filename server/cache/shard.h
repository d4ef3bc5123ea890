#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "server/base/clock.h"
#include "server/base/hash_secret.h"
#include "server/base/lock.h"
#include "server/cache/entry.h"
#include "server/cache/slot_table.h"
#include "server/memory/evacuation.h"
#include "server/memory/slab_heap.h"
#include "server/store/record.h"

namespace sojourn::server {

// Time in units of 16 ms since the server started: fine enough for "within 100 ms", and 32 bits
// last two years; what is due later is looked at then and found not to be.
class DueTime {
 public:
  explicit DueTime(Time start) : start_ms_(unix_ms(start)) {}

  // The first slot in which something with this deadline is due for certain.
  DueSlot slot_of(Time deadline) const {
    if (deadline == kNever) return kNeverDue;
    const std::int64_t units = (unix_ms(deadline) - start_ms_) / kUnitMs + 1;
    return static_cast<DueSlot>(std::clamp<std::int64_t>(units, 0, kNeverDue - 1));
  }
  // The slot that has begun.
  DueSlot slot_at(Time now) const {
    const std::int64_t units = (unix_ms(now) - start_ms_) / kUnitMs;
    return static_cast<DueSlot>(std::clamp<std::int64_t>(units, 0, kNeverDue - 1));
  }

 private:
  static constexpr std::int64_t kUnitMs = 16;
  std::int64_t start_ms_;
};

// The keys of one database in one shard.
struct ShardPart {
  explicit ShardPart(SlabHeap* heap = nullptr) : table(heap) {}

  DatabaseId id = 0;  // 0: none
  std::uint32_t with_deadline = 0;
  std::uint32_t absent = 0;  // entries that only say that a key is not there
  std::uint32_t away = 0;    // entries whose values are on disk only
  DueSlot due = kNeverDue;   // the earliest of the buckets'
  SlotTable table;
};

// One part in 16,384 of all keys, under one lock. Everything here is for who holds the lock.
//
// Expiry: each bucket of a table knows a moment before which none of its entries falls due, each
// part the earliest of its buckets', and the keyspace the earliest of each shard. Moving a deadline
// later changes the entry and nothing else: when the old moment comes, the bucket is looked at and
// gets the moment that is now true. So no entry needs a place in a list. A hash is due when the
// first of its fields is.
class alignas(128) Shard {
 public:
  struct Found {
    ShardPart* part = nullptr;
    SlotTable::Place place;

    explicit operator bool() const { return static_cast<bool>(place); }
    Entry* entry() const { return place.item<Entry>(); }
  };

  Lock lock;
  bool warm = true;  // nothing of it is on disk only: keys that are gone may be forgotten
  std::uint8_t generation = 0;  // changes with the secret; part of SCAN's cursors
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t expired = 0;

  ~Shard();
  // Where its entries and tables are; before anything else.
  void set_heap(SlabHeap& heap) {
    heap_ = &heap;
    main_ = ShardPart(heap_);
  }

  // The part after so many others; null behind the last.
  ShardPart* part_at(std::size_t number) {
    if (number == 0) return &main_;
    return number <= others_.size() ? &others_[number - 1] : nullptr;
  }
  ShardPart* part(DatabaseId id) {
    if (main_.id == id) return &main_;
    return other_part(id);
  }
  Found find(DatabaseId id, std::string_view key, std::uint64_t hash) {
    ShardPart* const found = part(id);
    if (found == nullptr) return {};
    return {found, found->table.find<Entry>(
                       tag_of(key, hash), [&](const Entry& entry) { return entry.key() == key; })};
  }
  // The two steps of find(), each when what it looks at has been fetched.
  void prefetch_bucket(DatabaseId id, std::string_view key, std::uint64_t hash) {
    if (ShardPart* const found = part(id)) found->table.prefetch_bucket(tag_of(key, hash));
  }
  void prefetch_entry(DatabaseId id, std::string_view key, std::uint64_t hash) {
    if (ShardPart* const found = part(id)) found->table.prefetch_item(tag_of(key, hash));
  }
  // The entry becomes the shard's; its key must not be there.
  Found insert(DatabaseId id, Entry* entry, std::uint64_t hash);
  // `entry` takes the place of the one found, which the caller gets back.
  Entry* replace(const Found& found, Entry* entry);
  // Takes the entry out; the caller gets it.
  Entry* remove(const Found& found);
  // Keeps the counts of a part right: call around every change of a deadline or type.
  static void count(ShardPart& part, const Entry& entry, int sign);

  // Takes out up to `limit` entries that are due; returns the earliest moment at which something
  // may be due next.
  struct Expired {
    DatabaseId id;
    Entry* entry;
  };
  // Hashes of which only fields are due stay, and come into `with_due_fields`: to be filed again
  // when they have been dealt with, else they come again soon.
  struct Due {
    std::vector<Expired> expired;
    std::vector<Expired> with_due_fields;
    // As work; to remove fields from a small hash takes as long as to remove some keys.
    std::size_t size() const { return expired.size() + 8 * with_due_fields.size(); }
  };
  DueSlot expire_due(DueSlot slot, Time now, const DueTime& due_time, std::size_t limit, Due& due);

  // Moves up to `limit` of the entries that are in the way of an evacuation, and the tables. True
  // when nothing is in its way any more.
  bool make_way(const Evacuation& evacuation, std::size_t limit);

  SlotTable::Tag tag_of(std::string_view key, std::uint64_t hash) const {
    if (secret_ != nullptr) [[unlikely]]
      hash = hash_with(*secret_, key);
    return static_cast<SlotTable::Tag>(hash >> 34);
  }

  template <class Visit>
  void visit_parts(Visit&& visit) {
    if (main_.id != 0) visit(main_);
    for (ShardPart& part : others_) visit(part);
  }
  // Forgets parts that have no entries left and belong to no database.
  template <class Alive>
  void drop_empty_parts(Alive&& alive) {
    if (main_.table.size() == 0 && !alive(main_.id)) main_ = ShardPart(heap_);
    std::erase_if(others_,
                  [&](const ShardPart& part) { return part.table.size() == 0 && !alive(part.id); });
  }

 private:
  // Items of one bucket that stand in others; more is not chance: with 6.3 keys a bucket, 34 in
  // one has a probability of 1e-14.
  static constexpr std::size_t kAwayMax = 33;

  ShardPart* other_part(DatabaseId id);
  ShardPart& part_for(DatabaseId id);
  void take_new_secret();
  static DueSlot expire_part(ShardPart& part, DueSlot slot, Time now, const DueTime& due_time,
                             std::size_t limit, Due& due);

  SlabHeap* heap_ = nullptr;
  ShardPart main_;  // of most servers the only one
  std::vector<ShardPart> others_;
  std::unique_ptr<HashSecret> secret_;  // its own, after an attack on the common one
};
static_assert(sizeof(Shard) == 128);

}  // namespace sojourn::server
