#include "server/cache/transaction.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/cache/keyspace_impl.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server {

Transaction::Transaction(Keyspace& keyspace, std::span<const Key> keys, Time now)
    : keyspace_(keyspace), now_(now), wanted_events_(keyspace.impl_->events.wanted()) {
  for (const Key& key : keys) {
    locked_.push_back(static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash)));
  }
  if (locked_.size() > 1) {
    std::sort(locked_.begin(), locked_.end());
    locked_.erase(std::unique(locked_.begin(), locked_.end()), locked_.end());
  }
  for (const std::uint16_t index : locked_) keyspace_.impl_->shards[index].lock.lock();
}

Transaction::Transaction(Keyspace& keyspace, AllShards, Time now)
    : keyspace_(keyspace),
      now_(now),
      wanted_events_(keyspace.impl_->events.wanted()),
      all_(true) {
  for (std::size_t i = 0; i < Keyspace::Impl::kShards; ++i) {
    keyspace_.impl_->shards[i].lock.lock();
  }
}

void Transaction::unlock() {
  Shard* const shards = keyspace_.impl_->shards.get();
  for (const std::uint16_t index : locked_) shards[index].lock.unlock();
  if (!all_) [[likely]]
    return;
  for (std::size_t i = 0; i < Keyspace::Impl::kShards; ++i) shards[i].lock.unlock();
}

Shard& Transaction::shard_of(const Key& key) {
  const auto index = static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash));
  CHECK(locked_.size() == 1 ? locked_[0] == index
                            : all_ || std::binary_search(locked_.begin(), locked_.end(), index));
  return keyspace_.impl_->shards[index];
}

Shard::Found Transaction::look_up(const Key& key) {
  Shard& shard = shard_of(key);
  const Shard::Found found = shard.find(keyspace_.impl_->id_of(key.database), key.name, key.hash);
  if (!found || !found.entry()->present()) return {};
  if (!found.entry()->expired(now_)) [[likely]]
    return found;
  ++shard.expired;
  note(KeyEventClass::expired, "expired", key);
  remove(key, found);
  return {};
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
  if (const LargeHash* const hash = entry.large_hash()) {
    changes_.push_back(
        {.kind = Change::Kind::collection_erased, .key = {}, .collection = hash->collection()});
  }
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

// After the entry's deadline was set: the shard has to look at it in time.
void Transaction::file(const Key& key) {
  Shard& shard = shard_of(key);
  const Shard::Found found = shard.find(keyspace_.impl_->id_of(key.database), key.name, key.hash);
  keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
}

void Transaction::mark_dirty(const Key& key, Entry& entry) {
  asked_for_ = true;
  if (entry.dirty()) return;
  entry.set_dirty(true);
  changes_.push_back({.kind = Change::Kind::record, .key = key});
}

void Transaction::put_string(const Key& key, std::string_view value, Time deadline,
                             StringForm form) {
  deadline = deadline == kNever ? kNever : std::min(deadline, kLatestDeadline);
  Shard& shard = shard_of(key);
  const Shard::Found found = look_up(key);
  if (deadline <= now_) {
    asked_for_ = true;
    found ? remove(key, found) : note(KeyEventClass::fresh, "new", key);
    return;
  }
  Entry* entry = found ? found.entry() : nullptr;
  const bool in_place = entry != nullptr && entry->type() == ValueType::string &&
                        entry->value_bytes() == value.size();
  if (in_place) {
    Shard::count(*found.part, *entry, -1);
    std::memmove(entry->value_data(), value.data(), value.size());
    entry->set_deadline(deadline);
    Shard::count(*found.part, *entry, +1);
    entry->set_form(form);
    entry->set_used(now_);
    if (deadline != kNever) keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
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
      if (deadline != kNever) keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
    } else {
      put_entry(key, made);
      if (deadline != kNever) file(key);
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
  deadline = deadline == kNever ? kNever : std::min(deadline, kLatestDeadline);
  const Shard::Found found = look_up(key);
  CHECK(found);
  asked_for_ = true;
  if (deadline <= now_) return remove(key, found);
  Entry& entry = *found.entry();
  const Time old = entry.deadline();
  if (old == deadline) {
    // A change all the same to who watches the key.
    changes_.push_back({.kind = Change::Kind::small_touch, .key = key});
    return;
  }
  Shard::count(*found.part, entry, -1);
  entry.set_deadline(deadline);
  Shard::count(*found.part, entry, +1);
  if (deadline < old) keyspace_.impl_->file(Keyspace::Impl::shard_index(key.hash), found);
  // A deadline that moves later by less than a second need not be written: after a crash the
  // session then ends that much early, never late. So a session in use writes one row a second at
  // most.
  const bool later = old != kNever && deadline != kNever && deadline > old;
  const bool small = later && deadline - old <= Entry::kLagMax - entry.lag();
  entry.set_lag(small ? entry.lag() + (deadline - old) : Millis(0));
  changes_.push_back({.kind = small ? Change::Kind::small_touch : Change::Kind::touch, .key = key});
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
  file(to);
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
  made->set_dirty(false);
  made->set_created(now_);
  made->set_used(now_);
  if (const LargeHash* const hash = source->large_hash()) {
    LargeHash* const fields = new_fields(source->type());
    hash->for_each(
        [&](std::string_view field, std::string_view value) { fields->put(field, value); });
    made->set_large_hash(fields);
    changes_.push_back({.kind = Change::Kind::all_fields, .key = to, .hash = fields});
  }
  const Entry* const overwritten = peek(to);
  made->set_touch_row(overwritten != nullptr && overwritten->touch_row());
  if (overwritten != nullptr) note(KeyEventClass::fresh, "new", to);
  put_entry(to, made);
  file(to);
  mark_dirty(to, *made);
}

// --- collections: hashes, and sets, whose members are fields without values ---

namespace {

bool fits_packed(std::size_t packed_bytes, std::size_t fields) {
  return packed_bytes <= packed_hash::kBytesMax && fields <= packed_hash::kFieldsMax;
}

}  // namespace

Entry* Transaction::make_packed(const Key& key, ValueType type, std::string_view packed) {
  Entry* const made = Entry::make(*keyspace_.impl_->heap, key.name, packed.size());
  std::memcpy(made->value_data(), packed.data(), packed.size());
  made->set_type(type);
  return made;
}

Entry* Transaction::make_large(const Key& key, ValueType type, LargeHash* fields) {
  Entry* const made = Entry::make(*keyspace_.impl_->heap, key.name, sizeof fields);
  made->set_type(type);
  made->set_large_hash(fields);
  changes_.push_back({.kind = Change::Kind::all_fields, .key = key, .hash = fields});
  return made;
}

LargeHash* Transaction::new_fields(ValueType type) {
  using Order = LargeHash::Order;
  return new LargeHash(Journal::Unit(keyspace_.impl_->journal).next_collection(),
                       type == ValueType::sorted_set ? Order::by_score : Order::none);
}

void Transaction::put_packed(const Key& key, const Entry& old, std::string_view packed) {
  Entry* const made = make_packed(key, old.type(), packed);
  made->take_properties(old);
  made->set_used(now_);
  put_entry(key, made);
  mark_dirty(key, *made);
}

// The packed fields become rows of their own; the record becomes a header.
LargeHash* Transaction::grow_large(const Key& key, const Entry& entry) {
  LargeHash* const fields = new_fields(entry.type());
  packed_hash::Reader reader(entry.value());
  while (reader.next()) fields->put(reader.name(), reader.value());
  Entry* const made = make_large(key, entry.type(), fields);
  made->take_properties(entry);
  put_entry(key, made);
  mark_dirty(key, *made);
  return fields;
}

// A collection that was not there, or stands for something else that was.
void Transaction::put_new(const Key& key, Entry* entry) {
  const Entry* const overwritten = peek(key);
  // A touch row may be there already; it is older than the record now written.
  entry->set_touch_row(overwritten != nullptr && overwritten->touch_row());
  entry->set_created(now_);
  entry->set_used(now_);
  put_entry(key, entry);
  mark_dirty(key, *entry);
}

// True when the field is new.
bool Transaction::put(const Key& key, ValueType type, std::string_view field,
                      std::string_view value) {
  const Shard::Found found = look_up(key);
  if (!found) {
    std::string packed;
    packed_hash::append(packed, field, value);
    put_new(key, make_packed(key, type, packed));
    if (!fits_packed(packed.size(), 1)) grow_large(key, *look_up(key).entry());
    return true;
  }
  Entry& entry = *found.entry();
  CHECK(entry.type() == type);
  LargeHash* large = entry.large_hash();
  if (large == nullptr) {
    const std::string_view old = entry.value();
    if (fits_packed(old.size() + field.size() + value.size(), packed_hash::size(old) + 1)) {
      const auto [packed, replaced] = type == ValueType::sorted_set
                                          ? packed_scores::with(old, {decode_score(value), field})
                                          : packed_hash::with(old, field, value);
      put_packed(key, entry, packed);
      return !replaced;
    }
    large = grow_large(key, entry);
  }
  asked_for_ = true;
  look_up(key).entry()->set_used(now_);
  note_put(key, *large, type, field, value);
  return large->put(field, value);
}

// A score is kept: no one else has its bytes until the end.
void Transaction::note_put(const Key& key, LargeHash& fields, ValueType type,
                           std::string_view field, std::string_view value) {
  Change change{.kind = Change::Kind::field, .key = key, .collection = fields.collection()};
  change.field = field;
  if (type == ValueType::sorted_set) {
    change.kind = Change::Kind::score;
    change.score = decode_score(value);
  } else {
    change.value = value;
  }
  changes_.push_back(change);
}

// The collection has got this field: how Redis would hold it now.
void Transaction::note_form(const Key& key, std::string_view field, std::string_view value) {
  Entry& entry = *look_up(key).entry();
  entry.set_form(keyspace_.impl_->encoding_limits.after(entry.type(), entry.fields_form(),
                                                        HashView(entry).size(), field, value));
}

bool Transaction::erase_from(const Key& key, std::string_view field) {
  const Shard::Found found = look_up(key);
  if (!found) return false;
  Entry& entry = *found.entry();
  if (LargeHash* const large = entry.large_hash()) {
    if (!large->erase(field)) return false;
    asked_for_ = true;
    changes_.push_back({.kind = Change::Kind::field_erased,
                        .key = key,
                        .collection = large->collection(),
                        .field = field});
    if (large->size() == 0) remove(key, found);
    return true;
  }
  const auto [packed, erased] = packed_hash::without(entry.value(), field);
  if (!erased) return false;
  asked_for_ = true;
  if (packed_hash::size(packed) == 0) {
    remove(key, found);
  } else {
    put_packed(key, entry, packed);
  }
  return true;
}

bool Transaction::put_field(const Key& key, std::string_view field, std::string_view value) {
  const bool added = put(key, ValueType::hash, field, value);
  note_form(key, field, value);
  return added;
}

bool Transaction::put_score(const Key& key, const ScoredMember& member) {
  // The listpacks of Redis, whose scores these are, have no negative zero.
  const Entry* const entry = peek(key);
  const bool compact = entry == nullptr || entry->fields_form() == FieldsForm::compact;
  const double score = compact && member.score == 0 ? 0 : member.score;
  const ScoreBytes bytes = encode_score(score);
  const bool added = put(key, ValueType::sorted_set, member.member, view(bytes));
  note_form(key, member.member, view(bytes));
  return added;
}

bool Transaction::erase_field(const Key& key, std::string_view field) {
  const Entry* const entry = peek(key);
  CHECK(entry == nullptr || entry->type() == ValueType::hash);
  return erase_from(key, field);
}

std::size_t Transaction::add_members(const Key& key, std::span<const std::string_view> members) {
  const EncodingLimits& limits = keyspace_.impl_->encoding_limits;
  const Entry* const old = peek(key);
  FieldsForm form = old == nullptr
                        ? limits.at_first(ValueType::set, members.front(), members.size())
                        : limits.before(ValueType::set, old->fields_form(), members.size());
  std::size_t added = 0;
  for (const std::string_view member : members) {
    const Entry* const entry = peek(key);
    if (entry != nullptr && HashView(*entry).get(member)) continue;
    put(key, ValueType::set, member, {});
    ++added;
    form = limits.after(ValueType::set, form, HashView(*peek(key)).size(), member, {});
  }
  look_up(key).entry()->set_form(form);
  return added;
}

std::size_t Transaction::erase_members(const Key& key, std::span<const std::string_view> members) {
  const Entry* const entry = peek(key);
  CHECK(entry == nullptr || entry->type() == ValueType::set ||
        entry->type() == ValueType::sorted_set);
  return static_cast<std::size_t>(
      std::count_if(members.begin(), members.end(),
                    [&](std::string_view member) { return erase_from(key, member); }));
}

FieldsForm Transaction::form_of(ValueType type, std::span<const Member> members) const {
  const EncodingLimits& limits = keyspace_.impl_->encoding_limits;
  FieldsForm form = limits.at_first(type, members.front().name, 1);
  for (std::size_t i = 0; i < members.size(); ++i) {
    form = limits.after(type, form, i + 1, members[i].name, members[i].value);
  }
  return form;
}

void Transaction::put_whole(const Key& key, ValueType type, std::span<const Member> members) {
  CHECK(!members.empty());
  std::size_t bytes = 0;
  for (const Member& member : members) bytes += member.name.size() + member.value.size() + 2;
  Entry* made;
  if (fits_packed(bytes, members.size())) {
    std::string packed;
    for (const Member& member : members) packed_hash::append(packed, member.name, member.value);
    made = make_packed(key, type, packed);
  } else {
    LargeHash* const fields = new_fields(type);
    for (const Member& member : members) fields->put(member.name, member.value);
    made = make_large(key, type, fields);
  }
  made->set_form(form_of(type, members));
  put_new(key, made);
}

void Transaction::put_set(const Key& key, std::span<const std::string_view> members) {
  std::vector<Member> fields;
  fields.reserve(members.size());
  for (const std::string_view member : members) fields.push_back({member, {}});
  put_whole(key, ValueType::set, fields);
}

void Transaction::put_sorted_set(const Key& key, std::span<const ScoredMember> members) {
  std::vector<ScoreBytes> scores(members.size());
  std::vector<Member> fields;
  fields.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    scores[i] = encode_score(members[i].score);
    fields.push_back({members[i].member, view(scores[i])});
  }
  // As in put_score(): no negative zero in a listpack.
  if (form_of(ValueType::sorted_set, fields) == FieldsForm::compact) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i].score == 0) scores[i] = encode_score(0);
    }
  }
  put_whole(key, ValueType::sorted_set, fields);
}

// --- whole databases ---

// Changes so far are of databases as they were numbered so far.
void Transaction::before_remap() {
  CHECK(all_);
  asked_for_ = true;
  several().remapped = true;
  for (std::size_t& i = several_->settled; i < changes_.size(); ++i) {
    changes_[i].id = keyspace_.impl_->id_of(changes_[i].key.database);
  }
}

// Who watches a key that either database has is told.
void Transaction::touch_watched(std::uint16_t a, std::uint16_t b) {
  Keyspace::Impl& impl = *keyspace_.impl_;
  const auto there = [&](const Watches::Watch& watch, std::uint16_t database) {
    const Shard::Found found =
        impl.shard_of(watch.hash).find(impl.id_of(database), watch.name, watch.hash);
    return found && found.entry()->present();
  };
  impl.watches->touch_if([&](const Watches::Watch& watch) {
    if (watch.database != a && watch.database != b) return false;
    return there(watch, a) || there(watch, b);
  });
}

void Transaction::flush_one(std::uint16_t database) {
  touch_watched(database, database);
  DatabaseId& id = keyspace_.impl_->ids[database];
  several_->flushed.push_back(id);
  id = keyspace_.impl_->next_id++;
}

void Transaction::flush(std::uint16_t database) {
  before_remap();
  flush_one(database);
}

void Transaction::flush_all() {
  before_remap();
  for (std::uint16_t i = 0; i < keyspace_.impl_->ids.size(); ++i) flush_one(i);
}

void Transaction::swap(std::uint16_t a, std::uint16_t b) {
  before_remap();
  touch_watched(a, b);
  std::swap(keyspace_.impl_->ids[a], keyspace_.impl_->ids[b]);
}

DatabaseId Transaction::id_of(const Change& change) const {
  return change.id != 0 ? change.id : keyspace_.impl_->id_of(change.key.database);
}

// --- several commands ---

Transaction::Several& Transaction::several() {
  if (several_ == nullptr) several_ = std::make_unique<Several>();
  return *several_;
}

void Transaction::own_bytes() {
  const auto fresh = std::span(changes_).subspan(several().owned);
  several_->owned = changes_.size();
  std::size_t size = 0;
  for (const Change& change : fresh) {
    size += change.key.name.size() + change.field.size() + change.value.size();
  }
  if (size == 0) return;
  char* at = several_->bytes.emplace_back(std::make_unique_for_overwrite<char[]>(size)).get();
  for (Change& change : fresh) {
    for (std::string_view* const view : {&change.key.name, &change.field, &change.value}) {
      if (view->empty()) continue;
      std::memcpy(at, view->data(), view->size());
      *view = {at, view->size()};
      at += view->size();
    }
  }
}

void Transaction::next_command() {
  if (changes_.empty()) return;
  own_bytes();
  // Changes point to large hashes still.
  const auto kept =
      std::partition(released_.begin() + several_->released, released_.end(),
                     [](const Entry* entry) { return entry->large_hash() != nullptr; });
  std::for_each(kept, released_.end(), [this](Entry* entry) { keyspace_.impl_->release(entry); });
  released_.erase(kept, released_.end());
  several_->released = static_cast<std::ptrdiff_t>(released_.size());
}

// --- the end ---

void Transaction::remember(std::string_view name, const Key& key) {
  if (events_ == nullptr) events_ = std::make_unique<std::vector<KeyEvent>>();
  events_->push_back({name, std::string(key.name), key.database});
}

JournalPosition Transaction::finish() {
  if (finished_) return 0;
  finished_ = true;
  JournalPosition position = 0;
  const bool remapped = several_ != nullptr && several_->remapped;
  if (!changes_.empty() || remapped) {
    Journal::Unit unit(keyspace_.impl_->journal);
    write(unit);
    if (asked_for_) position = unit.position();
  }
  if (events_ != nullptr) [[unlikely]]
    keyspace_.impl_->events.queue(std::move(*events_), position);
  unlock();
  if (events_ != nullptr) [[unlikely]]
    keyspace_.impl_->events.tell();
  if (remapped) keyspace_.impl_->parts_generation.fetch_add(1, std::memory_order_release);
  for (Entry* const entry : released_) keyspace_.impl_->release(entry);
  return position;
}

// What a key holds at the end is what counts, so its erasures come before its record; and a
// collection's rows go after whatever was written to them on the way.
void Transaction::write(Journal::Unit& unit) {
  for (const Change& change : changes_) write_rows(unit, change);
  for (const Change& change : changes_) {
    if (change.kind == Change::Kind::record) write_record(unit, change);
  }
  for (const Change& change : changes_) write_touch(unit, change);
  for (const Change& change : changes_) {
    if (change.kind == Change::Kind::collection_erased) unit.erase_collection(change.collection);
  }
  if (several_ == nullptr || !several_->remapped) [[likely]]
    return;
  for (const DatabaseId id : several_->flushed) unit.erase_database(id);
  keyspace_.impl_->write_mapping(unit);
}

void Transaction::write_rows(Journal::Unit& unit, const Change& change) {
  switch (change.kind) {
    case Change::Kind::erased:
      return unit.erase(id_of(change), change.key.name, change.touch_row);
    case Change::Kind::field:
      return unit.put_field(change.collection, change.field, change.value);
    case Change::Kind::score:
      return unit.put_field(change.collection, change.field, view(encode_score(change.score)));
    case Change::Kind::field_erased:
      return unit.erase_field(change.collection, change.field);
    case Change::Kind::all_fields:
      return change.hash->for_each([&](std::string_view field, std::string_view value) {
        unit.put_field(change.hash->collection(), field, value);
      });
    default:
      return;
  }
}

namespace {

RecordType record_type(const Entry& entry) {
  const bool large = entry.large_hash() != nullptr;
  switch (entry.type()) {
    case ValueType::hash:
      return large ? RecordType::large_hash : RecordType::hash;
    case ValueType::set:
      return large ? RecordType::large_set : RecordType::set;
    case ValueType::sorted_set:
      return large ? RecordType::large_sorted_set : RecordType::sorted_set;
    default:
      return RecordType::string;
  }
}

}  // namespace

void Transaction::write_record(Journal::Unit& unit, const Change& change) {
  Keyspace::Impl& impl = *keyspace_.impl_;
  const DatabaseId id = id_of(change);
  const Shard::Found found = shard_of(change.key).find(id, change.key.name, change.key.hash);
  if (!found || !found.entry()->dirty()) return;
  Entry& entry = *found.entry();
  entry.set_dirty(false);
  entry.set_lag(Millis(0));
  entry.set_version(unit.next_version());
  if (!impl.journal.enabled()) return;
  Record record;
  record.deadline = entry.deadline();
  record.created = entry.created();
  record.version = entry.version();
  record.value = entry.value();
  if (const LargeHash* const hash = entry.large_hash()) {
    record.collection = hash->collection();
    record.value = {};
  }
  record.type = record_type(entry);
  unit.put(id, change.key.name, record);
}

// The key changed, but not its record: its deadline moved, or a field of a large hash did.
void Transaction::write_touch(Journal::Unit& unit, const Change& change) {
  using Kind = Change::Kind;
  const bool touch = change.kind == Kind::touch || change.kind == Kind::small_touch;
  const bool field =
      change.kind == Kind::field || change.kind == Kind::score || change.kind == Kind::field_erased;
  if (!touch && !field) return;
  Keyspace::Impl& impl = *keyspace_.impl_;
  const DatabaseId id = id_of(change);
  const Shard::Found found = shard_of(change.key).find(id, change.key.name, change.key.hash);
  if (!found || !found.entry()->present()) return;
  Entry& entry = *found.entry();
  entry.set_version(unit.next_version());
  if (change.kind != Kind::touch || !impl.journal.enabled()) return;
  entry.set_touch_row(true);
  unit.touch(id, change.key.name, {entry.version(), entry.deadline()});
}

}  // namespace sojourn::server
