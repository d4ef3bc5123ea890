#include "server/cache/shard.h"

namespace sojourn::server {

Shard::~Shard() {
  visit_parts([this](ShardPart& part) {
    part.table.visit_all<Entry>([this](Entry& entry) { Entry::free(*heap_, &entry); });
  });
}

ShardPart* Shard::other_part(DatabaseId id) {
  for (ShardPart& part : others_) {
    if (part.id == id) return &part;
  }
  return nullptr;
}

ShardPart& Shard::part_for(DatabaseId id) {
  if (ShardPart* const found = part(id)) return *found;
  if (main_.id == 0) {
    main_.id = id;
    return main_;
  }
  others_.emplace_back(heap_);
  others_.back().id = id;
  return others_.back();
}

void Shard::count(ShardPart& part, const Entry& entry, int sign) {
  if (!entry.present()) {
    part.absent += sign;
    return;
  }
  if (entry.has_deadline()) part.with_deadline += sign;
  if (entry.away()) part.away += sign;
}

Shard::Found Shard::insert(DatabaseId id, Entry* entry, std::uint64_t hash) {
  ShardPart& part = part_for(id);
  SlotTable::Tag tag = tag_of(entry->key(), hash);
  if (part.table.away_from_home(tag) > kAwayMax &&
      part.table.buckets() < SlotTable::kBucketsOfManyTags) [[unlikely]] {
    take_new_secret();
    tag = tag_of(entry->key(), hash);
  }
  count(part, *entry, +1);
  return {&part, part.table.insert(tag, entry)};
}

Entry* Shard::replace(const Found& found, Entry* entry) {
  Entry* const old = found.entry();
  count(*found.part, *old, -1);
  count(*found.part, *entry, +1);
  found.place.replace(entry);
  return old;
}

Entry* Shard::remove(const Found& found) {
  Entry* const entry = found.entry();
  count(*found.part, *entry, -1);
  found.part->table.erase(found.place);
  return entry;
}

DueSlot Shard::expire_due(DueSlot slot, Time now, const DueTime& due_time, std::size_t limit,
                          Due& due) {
  DueSlot earliest = kNeverDue;
  visit_parts([&](ShardPart& part) {
    if (part.due <= slot) part.due = expire_part(part, slot, now, due_time, limit, due);
    earliest = std::min(earliest, part.due);
  });
  expired += due.expired.size();
  return earliest;
}

DueSlot Shard::expire_part(ShardPart& part, DueSlot slot, Time now, const DueTime& due_time,
                           std::size_t limit, Due& due) {
  DueSlot earliest = kNeverDue;
  for (std::uint32_t index = 0; index < part.table.buckets(); ++index) {
    SlotTable::Bucket& bucket = part.table.bucket(index);
    if (bucket.due <= slot && due.size() < limit) {
      DueSlot next = kNeverDue;
      part.table.filter_bucket<Entry>(index, [&](Entry& entry) {
        if (!entry.present() || !entry.expired(now)) {
          const bool fields_due = entry.field_deadline() <= now;
          if (fields_due) due.with_due_fields.push_back({part.id, &entry});
          next = std::min(next, fields_due ? slot + 1 : due_time.slot_of(entry.due()));
          return true;
        }
        count(part, entry, -1);
        due.expired.push_back({part.id, &entry});
        return false;
      });
      bucket.due = next;
    }
    earliest = std::min(earliest, bucket.due);
  }
  part.table.shrink();
  return earliest;
}

// Somebody found keys that meet in one bucket: from now on this shard's tags come from a secret of
// its own.
void Shard::take_new_secret() {
  secret_ = std::make_unique<HashSecret>(make_hash_secret());
  ++generation;
  visit_parts([&](ShardPart& part) {
    SlotTable spread(heap_);
    part.table.visit_all<Entry>(
        [&](Entry& entry) { spread.insert(tag_of(entry.key(), 0), &entry).lower_due(part.due); });
    part.table = std::move(spread);
  });
}

bool Shard::make_way(const Evacuation& evacuation, std::size_t limit) {
  std::size_t in_the_way = 0;
  visit_parts([&](ShardPart& part) {
    part.table.move_if([&](const void* buckets) { return evacuation.leaving(buckets); });
    part.table.replace_all<Entry>([&](Entry* entry) {
      if (!evacuation.leaving(entry) || ++in_the_way > limit) return entry;
      return static_cast<Entry*>(heap_->move(entry, entry->bytes()));
    });
  });
  return in_the_way <= limit;
}

}  // namespace sojourn::server
