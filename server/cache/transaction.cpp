#include "server/cache/transaction.h"

#include <algorithm>
#include <cstring>

#include "server/base/check.h"
#include "server/cache/keyspace_impl.h"

namespace sojourn::server {

Shard& Transaction::shard_of(const Key& key) {
  const auto index = static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash));
  CHECK(holds(index));
  return keyspace_.impl_->shards[index];
}

Shard::Found Transaction::look_up(const Key& key) {
  Shard& shard = shard_of(key);
  const Shard::Found found = shard.find(keyspace_.impl_->id_of(key.database), key.name, key.hash);
  if (!found) return {};
  if (found.entry()->special()) [[unlikely]]
    return look_closer(key, found);
  if (!found.entry()->expired(now_)) [[likely]]
    return found;
  return expire(key, found);
}

Shard::Found Transaction::expire(const Key& key, const Shard::Found& found) {
  ++shard_of(key).expired;
  note(KeyEventClass::expired, "expired", key);
  remove(key, found);
  return {};
}

Shard::Found Transaction::look_closer(const Key& key, const Shard::Found& found) {
  const Entry& entry = *found.entry();
  if (!entry.present()) return {};
  if (entry.expired(now_)) return expire(key, found);
  return entry.field_deadline() <= now_ ? expire_fields_of(key, found) : found;
}

const Entry* Transaction::find(const Key& key, Trace trace) {
  Shard& shard = shard_of(key);
  const Shard::Found found = look_up(key);
  if (trace.counted) ++(found ? shard.hits : shard.misses);
  if (!found) {
    if (trace.counted && trace.told) note(KeyEventClass::miss, "keymiss", key);
    return nullptr;
  }
  if (trace.used) found.entry()->set_used(now_);
  return found.entry();
}

const Entry* Transaction::peek(const Key& key) {
  const Shard::Found found = look_up(key);
  return found ? found.entry() : nullptr;
}

// --- changes of one key ---

void Transaction::drop_collection(const Entry& entry) {
  for_each_collection(entry, [&](std::uint64_t rows) {
    changes_.push_back({.kind = Change::Kind::collection_erased, .key = {}, .collection = rows});
  });
}

void Transaction::remove(const Key& key, const Shard::Found& found) {
  Shard& shard = shard_of(key);
  changes_.push_back(
      {.kind = Change::Kind::erased, .touch_row = found.entry()->touch_row(), .key = key});
  drop_collection(*found.entry());
  keyspace_.impl_->watches->gone(key.database, key.hash);
  if (shard.warm) {
    released_.push_back(shard.remove(found));
    return;
  }
  // The record may still be found on disk by whoever is loading: remember that it is gone.
  Entry* const absent = Entry::make(*keyspace_.impl_->heap, key.name, 0);
  absent->set_type(ValueType::absent);
  released_.push_back(shard.replace(found, absent));
}

void Transaction::put_entry(const Key& key, Entry* entry) {
  Shard& shard = shard_of(key);
  const DatabaseId id = keyspace_.impl_->id_of(key.database);
  if (const Shard::Found found = shard.find(id, key.name, key.hash)) {
    if (!found.entry()->present()) note(KeyEventClass::fresh, "new", key);
    drop_collection(*found.entry());
    released_.push_back(shard.replace(found, entry));
  } else {
    note(KeyEventClass::fresh, "new", key);
    shard.insert(id, entry, key.hash);
  }
}

// The shard has to look at the entry in time.
void Transaction::file(const Key& key, Time due_at) {
  if (due_at == kNever) return;
  Shard& shard = shard_of(key);
  const Shard::Found found = shard.find(keyspace_.impl_->id_of(key.database), key.name, key.hash);
  keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found, due_at);
}

void Transaction::mark_dirty(const Key& key, Entry& entry) {
  asked_for_ = true;
  write_later(key, entry);
}

void Transaction::write_later(const Key& key, Entry& entry) {
  if (entry.dirty()) {
    // Who has read it in the midst of these commands is to be told of this change, too.
    if (readers_ != nullptr) changes_.push_back({.kind = Change::Kind::touch, .key = key});
    return;
  }
  entry.set_dirty(true);
  changes_.push_back({.kind = Change::Kind::record, .key = key});
}

void Transaction::put_string(const Key& key, std::string_view value, Time deadline,
                             StringForm form) {
  deadline = deadline == kNever ? kNever : std::min(deadline, Entry::kLatestDeadline);
  Shard& shard = shard_of(key);
  const Shard::Found found = look_up(key);
  if (deadline <= now_) {
    asked_for_ = true;
    found ? remove(key, found) : note(KeyEventClass::fresh, "new", key);
    return;
  }
  Entry* entry = found ? found.entry() : nullptr;
  const bool in_place = entry != nullptr && entry->type() == ValueType::string &&
                        entry->value_bytes() == value.size() && !entry->away();
  if (in_place) {
    Shard::count(*found.part, *entry, -1);
    std::memmove(entry->value_data(), value.data(), value.size());
    entry->set_deadline(deadline);
    Shard::count(*found.part, *entry, +1);
    entry->set_form(form);
    entry->set_used(now_);
    keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found, deadline);
  } else {
    Entry* const made = Entry::make(*keyspace_.impl_->heap, key.name, value.size());
    std::memcpy(made->value_data(), value.data(), value.size());
    if (entry != nullptr) {
      made->take_properties(*entry);
    } else {
      made->set_created(now_);
    }
    made->set_form(form);
    made->set_deadline(deadline);
    made->set_used(now_);
    if (found) {
      drop_collection(*entry);
      released_.push_back(shard.replace(found, made));
      keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found, deadline);
    } else {
      put_entry(key, made);
      file(key, deadline);
    }
    entry = made;
  }
  mark_dirty(key, *entry);
}

bool Transaction::erase(const Key& key) {
  const Shard::Found found = look_up(key);
  if (!found) return false;
  asked_for_ = true;
  remove(key, found);
  return true;
}

void Transaction::set_deadline(const Key& key, Time deadline) {
  deadline = deadline == kNever ? kNever : std::min(deadline, Entry::kLatestDeadline);
  const Shard::Found found = look_up(key);
  CHECK(found);
  asked_for_ = true;
  if (deadline <= now_) return remove(key, found);
  Entry& entry = *found.entry();
  const Time old = entry.deadline();
  if (old == deadline) {
    // A change all the same to who watches the key.
    changes_.push_back({.kind = Change::Kind::touch, .key = key});
    return;
  }
  Shard::count(*found.part, entry, -1);
  entry.set_deadline(deadline);
  Shard::count(*found.part, entry, +1);
  if (deadline < old) {
    keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found, deadline);
  }
  // A deadline that moves later by less than a second need not be written: after a crash the
  // session then ends that much early, never late. So a session in use writes one row a second at
  // most.
  const bool later = old != kNever && deadline != kNever && deadline > old;
  const std::int64_t lag =
      later ? entry.lag() + Entry::tick_of(deadline) - Entry::tick_of(old) : Entry::kLagMax + 1;
  if (lag <= Entry::kLagMax) {
    entry.set_lag(lag);
  } else {
    entry.set_touch_due(true);
  }
  changes_.push_back({.kind = Change::Kind::touch, .key = key});
}

// --- changes of two keys ---

void Transaction::rename(const Key& from, const Key& to) {
  const Shard::Found found = look_up(from);
  CHECK(found);
  if (from.name == to.name && from.database == to.database) return;
  asked_for_ = true;
  Entry* const old = found.entry();
  Entry* const moved = Entry::make(*keyspace_.impl_->heap, to.name, old->value_bytes());
  std::memcpy(moved->value_data(), old->value_data(), old->value_bytes());
  moved->take_properties(*old);
  moved->set_type(old->type());
  moved->set_timed(old->timed());
  // The fields of a large hash belong to whoever has its pointer: from now on the new entry.
  if (LargeHash* const hash = old->large_hash()) {
    moved->set_large_hash(hash);
    old->set_large_hash(nullptr);
  }
  moved->set_dirty(false);
  const Entry* const overwritten = peek(to);
  // A touch row under the new name may be there already; it is older than the record now written.
  moved->set_touch_row(overwritten != nullptr && overwritten->touch_row());
  remove(from, look_up(from));
  if (overwritten != nullptr) note(KeyEventClass::fresh, "new", to);
  put_entry(to, moved);
  file(to, moved->due());
  mark_dirty(to, *moved);
}

void Transaction::copy(const Key& from, const Key& to) {
  const Entry* const source = peek(from);
  CHECK(source != nullptr);
  asked_for_ = true;
  Entry* const made = Entry::make(*keyspace_.impl_->heap, to.name, source->value_bytes());
  std::memcpy(made->value_data(), source->value().data(), source->value_bytes());
  made->take_properties(*source);
  made->set_type(source->type());
  made->set_timed(source->timed());
  made->set_dirty(false);
  made->set_created(now_);
  made->set_used(now_);
  if (const LargeHash* const hash = source->large_hash()) {
    LargeHash* const fields = new_fields(source->type());
    if (hash->timed()) fields->make_timed();
    hash->for_each_until([&](std::string_view field, std::string_view value, Time deadline) {
      fields->put(field, value, deadline);
    });
    made->set_large_hash(fields);
    changes_.push_back({.kind = Change::Kind::all_fields, .key = to, .hash = fields});
  }
  const Entry* const overwritten = peek(to);
  made->set_touch_row(overwritten != nullptr && overwritten->touch_row());
  if (overwritten != nullptr) note(KeyEventClass::fresh, "new", to);
  put_entry(to, made);
  file(to, made->due());
  mark_dirty(to, *made);
}

}  // namespace sojourn::server
