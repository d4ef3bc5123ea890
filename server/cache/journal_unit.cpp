// What a unit of the journal writes for each kind of change.

#include "server/base/check.h"
#include "server/cache/journal.h"
#include "server/cache/journal_core.h"

namespace sojourn::server {
namespace {

template <class Array>
std::string_view view(const Array& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

Journal::Unit::Unit(Journal& journal) : core_(*journal.core_), lock_(core_.lock()) {
  if (lock_.owns_lock()) batch_ = core_.batch_for_unit();
}

Journal::Unit::~Unit() {
  if (changed_ && lock_.owns_lock()) core_.unit_ended();
}

Batch* Journal::Unit::changing() {
  changed_ = true;
  return batch_;
}

std::uint64_t Journal::Unit::next_version() { return core_.next_version(batch_); }
std::uint64_t Journal::Unit::next_collection() { return core_.next_collection(batch_); }

void Journal::Unit::put(DatabaseId database, std::string_view key, const Record& record) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  const RecordEnvelope envelope(view(prefix), key, record);
  batch->put(Column::records, {view(prefix), key},
             {envelope.head(), record.value, envelope.tail()});
}

void Journal::Unit::erase(DatabaseId database, std::string_view key, bool touched) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  batch->erase(Column::records, {view(prefix), key});
  if (touched) batch->erase(Column::touches, {view(prefix), key});
}

void Journal::Unit::touch(DatabaseId database, std::string_view key, const Touch& touch) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = database_prefix(database);
  const TouchEnvelope envelope(view(prefix), key, touch);
  batch->put(Column::touches, {view(prefix), key}, {envelope.head(), touch.field, envelope.tail()});
}

void Journal::Unit::put_field(std::uint64_t collection, std::string_view field,
                              std::string_view value) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = collection_prefix(collection);
  batch->put(Column::fields, {view(prefix), field},
             {value, view(field_tail(view(prefix), field, value))});
}

void Journal::Unit::erase_field(std::uint64_t collection, std::string_view field) {
  Batch* const batch = changing();
  if (batch != nullptr) batch->erase(Column::fields, {view(collection_prefix(collection)), field});
}

void Journal::Unit::put_field_deadline(std::uint64_t collection, std::string_view field,
                                       Time deadline) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  const auto prefix = collection_prefix(deadlines_of(collection));
  batch->put(Column::fields, {view(prefix), field},
             {view(encode_field_deadline(view(prefix), field, deadline))});
}

void Journal::Unit::erase_field_deadline(std::uint64_t collection, std::string_view field) {
  erase_field(deadlines_of(collection), field);
}

void Journal::Unit::erase_collection(std::uint64_t collection) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  batch->erase_range(Column::fields, view(collection_prefix(collection)),
                     view(collection_prefix(collection + 1)));
}

void Journal::Unit::erase_database(DatabaseId database) {
  Batch* const batch = changing();
  if (batch == nullptr) return;
  CHECK(database + 1 != 0);  // the last number has no end; numbers are given out from 0
  const auto begin = database_prefix(database);
  const auto end = database_prefix(database + 1);
  batch->erase_range(Column::records, view(begin), view(end));
  batch->erase_range(Column::touches, view(begin), view(end));
}

void Journal::Unit::put_meta(std::string_view name, std::string_view value) {
  Batch* const batch = changing();
  if (batch != nullptr) batch->put(Column::meta, {name}, {value});
}

JournalPosition Journal::Unit::position() const {
  if (!lock_.owns_lock()) return 0;
  return core_.appended() + (changed_ ? 1 : 0);
}

}  // namespace sojourn::server
