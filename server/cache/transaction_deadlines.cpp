// What a transaction does to the deadlines of a hash's fields, and to fields whose deadlines have
// passed.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "server/base/check.h"
#include "server/cache/hash_view.h"
#include "server/cache/keyspace_impl.h"
#include "server/cache/packed_deadlines.h"
#include "server/cache/packed_hash.h"
#include "server/cache/transaction.h"

namespace sojourn::server {
namespace {

// What deadlines add to packed bytes: the head of the timed form, and one of them.
constexpr std::size_t kTimedBytes = 12;

// Somebody has seen a time after this deadline: the clock is read by each worker for itself.
bool hides(const Entry& entry, Time deadline) {
  const LargeHash* const large = entry.large_hash();
  return large != nullptr && large->hides(deadline);
}

}  // namespace

// --- fields that are due ---

// All of the hash's fields were due: it ends as Redis ends it.
void Transaction::end_timed_hash(const Key& key, const Shard::Found& found) {
  note(KeyEventClass::hash, "hexpired", key);
  note(KeyEventClass::generic, "del", key);
  remove(key, found);
}

Shard::Found Transaction::expire_fields_of(const Key& key, const Shard::Found& found) {
  Keyspace::Impl& impl = *keyspace_.impl_;
  Entry& entry = *found.entry();
  if (LargeHash* const large = entry.large_hash()) {
    const std::size_t all = large->size() + large->hidden();
    if (large->hide_due(now_) != 0) impl.watches->gone(key.database, key.hash);
    if (large->size() != 0) return found;
    impl.expired_fields.fetch_add(all, std::memory_order_relaxed);
    end_timed_hash(key, found);
    return {};
  }
  const auto [packed, due] = packed_deadlines::without_due(entry.value(), now_);
  impl.expired_fields.fetch_add(due, std::memory_order_relaxed);
  if (packed_hash::size(packed) == 0) {
    end_timed_hash(key, found);
    return {};
  }
  Entry* const made = make_packed(key, entry.type(), packed);
  made->take_properties(entry);
  released_.push_back(shard_of(key).replace(found, made));
  write_later(key, *made);
  impl.watches->gone(key.database, key.hash);
  note(KeyEventClass::hash, "hexpired", key);
  return found;
}

std::size_t Transaction::expire_fields(const Key& key, std::size_t limit) {
  const Shard::Found found = look_up(key);
  if (!found || !found.entry()->timed()) return 0;
  std::size_t gone = 0;
  if (LargeHash* const large = found.entry()->large_hash()) {
    for (; gone < limit && large->nearest_deadline() <= now_; ++gone) {
      const std::string_view name = owned(large->nearest());
      changes_.push_back({.kind = Change::Kind::field_erased,
                          .key = key,
                          .collection = large->collection(),
                          .field = name});
      note_deadline(key, *large, name);
      large->drop_nearest();
    }
    keyspace_.impl_->expired_fields.fetch_add(gone, std::memory_order_relaxed);
    if (gone != 0) note(KeyEventClass::hash, "hexpired", key);
  }
  keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
  return gone;
}

// --- changes of deadlines ---

void Transaction::note_deadline(const Key& key, const LargeHash& fields, std::string_view field) {
  changes_.push_back({.kind = Change::Kind::field_deadline,
                      .key = key,
                      .collection = fields.collection(),
                      .hash = &fields,
                      .field = field});
}

void Transaction::set_deadline_in_large(const Key& key, Entry& entry, std::string_view field,
                                        Time deadline) {
  LargeHash& large = *entry.large_hash();
  asked_for_ = true;
  if (!entry.timed()) {
    large.make_timed();
    entry.set_timed(true);
    mark_dirty(key, entry);  // the record says so, too
  }
  CHECK(large.set_deadline(field, deadline));
  note_deadline(key, large, field);
}

void Transaction::set_field_deadline(const Key& key, std::string_view field, Time deadline) {
  const Shard::Found found = look_up(key);
  CHECK(found && found.entry()->type() == ValueType::hash);
  if (deadline <= now_ || hides(*found.entry(), deadline)) {
    keyspace_.impl_->expired_fields.fetch_add(1, std::memory_order_relaxed);
    CHECK(erase_from(key, field));
    return;
  }
  Entry* entry = found.entry();
  if (entry->large_hash() == nullptr &&
      entry->value_bytes() + kTimedBytes > packed_hash::kBytesMax) {
    entry = grow_large(key, found);
  }
  if (entry->large_hash() != nullptr) {
    set_deadline_in_large(key, *entry, field, deadline);
  } else {
    const std::string packed = packed_deadlines::timed_form(entry->value());
    const auto value = packed_hash::get(packed, field);
    CHECK(value);
    put_changed(key, found,
                make_packed(key, ValueType::hash,
                            packed_deadlines::with(packed, field, *value, deadline).first));
  }
  keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
}

}  // namespace sojourn::server
