// The end of a transaction: what its changes write.

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/cache/keyspace_impl.h"
#include "server/cache/transaction.h"

namespace sojourn::server {

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
  // Before anybody can change the keys again: his reply may leave at once, and who has read them
  // until now must be told before he hears of anything later.
  if ((!changes_.empty() || remapped) && keyspace_.impl_->tracking.any()) [[unlikely]] {
    take_readers();
    tell_readers(remapped);
  }
  unlock();
  if (events_ != nullptr) [[unlikely]]
    keyspace_.impl_->events.tell();
  if (remapped) keyspace_.impl_->parts_generation.fetch_add(1, std::memory_order_release);
  for (Entry* const entry : released_) keyspace_.impl_->release(entry);
  return position;
}

std::vector<TrackedName> Transaction::changed_names(std::size_t from) const {
  std::vector<TrackedName> names;
  for (std::size_t i = from; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (change.kind == Change::Kind::collection_erased) continue;  // goes with a change of its key
    if (!names.empty() && names.back().text == change.key.name) continue;
    names.push_back({change.key.name, change.key.hash});
  }
  return names;
}

void Transaction::take_readers() {
  const std::size_t from = readers_ != nullptr ? readers_->of : 0;
  if (from == changes_.size()) return;
  if (readers_ == nullptr) readers_ = std::make_unique<Readers>();
  readers_->of = changes_.size();
  std::ranges::move(keyspace_.impl_->tracking.take(changed_names(from)),
                    std::back_inserter(readers_->taken));
}

// Those who keep copies of what was changed. When databases changed places too, though Redis does
// not tell then.
void Transaction::tell_readers(bool all_changed) {
  Tracking& tracking = keyspace_.impl_->tracking;
  if (readers_ != nullptr) tracking.tell_readers(readers_->taken, by_);
  if (tracking.prefixes().count() != 0) tracking.tell_subscribers(changed_names(0), by_);
  if (all_changed) tracking.all_changed();
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

namespace {

void write_deadline(Journal::Unit& unit, std::uint64_t collection, std::string_view field,
                    Time deadline) {
  if (deadline == kNever) return unit.erase_field_deadline(collection, field);
  unit.put_field_deadline(collection, field, deadline);
}

}  // namespace

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
    case Change::Kind::field_deadline:
      return write_deadline(unit, change.collection, change.field,
                            change.hash->deadline(change.field));
    case Change::Kind::all_fields:
      return change.hash->for_each_until(
          [&](std::string_view field, std::string_view value, Time deadline) {
            unit.put_field(change.hash->collection(), field, value);
            if (deadline != kNever) {
              unit.put_field_deadline(change.hash->collection(), field, deadline);
            }
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
      if (entry.timed()) return large ? RecordType::large_timed_hash : RecordType::timed_hash;
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
  entry.set_lag(0);
  entry.set_touch_due(false);
  entry.set_changed_field(0);
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

// The key changed, but not its record: its deadline moved, or a field did.
void Transaction::write_touch(Journal::Unit& unit, const Change& change) {
  using Kind = Change::Kind;
  if (change.kind != Kind::touch && change.kind != Kind::field && change.kind != Kind::score &&
      change.kind != Kind::field_erased && change.kind != Kind::field_deadline) {
    return;
  }
  Keyspace::Impl& impl = *keyspace_.impl_;
  const DatabaseId id = id_of(change);
  const Shard::Found found = shard_of(change.key).find(id, change.key.name, change.key.hash);
  if (!found || !found.entry()->present()) return;
  Entry& entry = *found.entry();
  entry.set_version(unit.next_version());
  if (!entry.touch_due()) return;
  entry.set_touch_due(false);
  entry.set_lag(0);
  if (!impl.journal.enabled()) return;
  entry.set_touch_row(true);
  Touch written{entry.version(), entry.deadline(), {}};
  if (const std::size_t number = entry.changed_field()) {
    written.field = packed_hash::piece(entry.value(), number);
  }
  unit.touch(id, change.key.name, written);
}

}  // namespace sojourn::server
