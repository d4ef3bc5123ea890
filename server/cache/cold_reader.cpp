#include "server/cache/cold_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/cache/large_hash.h"
#include "server/cache/packed_deadlines.h"
#include "server/cache/packed_hash.h"
#include "server/cache/scored_member.h"

namespace sojourn::server {
namespace {

bool is_large(RecordType type) {
  return type == RecordType::large_hash || type == RecordType::large_set ||
         type == RecordType::large_sorted_set || type == RecordType::large_timed_hash;
}

ValueType value_type(RecordType type) {
  switch (type) {
    case RecordType::hash:
    case RecordType::large_hash:
    case RecordType::timed_hash:
    case RecordType::large_timed_hash:
      return ValueType::hash;
    case RecordType::set:
    case RecordType::large_set:
      return ValueType::set;
    case RecordType::sorted_set:
    case RecordType::large_sorted_set:
      return ValueType::sorted_set;
    case RecordType::string:
      break;
  }
  return ValueType::string;
}

// The form Redis would have given to these fields, had it got them in this order.
class Form {
 public:
  Form(ValueType type, const EncodingLimits& limits) : type_(type), limits_(limits) {}
  void add(std::string_view name, std::string_view value) {
    if (size_ == 0) form_ = limits_.at_first(type_, name, 1);
    form_ = limits_.after(type_, form_, ++size_, name, value);
  }
  FieldsForm get() const { return form_; }

 private:
  const ValueType type_;
  const EncodingLimits& limits_;
  FieldsForm form_ = FieldsForm::compact;
  std::size_t size_ = 0;
};

// Reads a large collection's rows, in order, until it ends.
Result<std::unique_ptr<LargeHash>> read_fields(const Record& record, Cursor& fields,
                                               const std::atomic<bool>& stopping, SlabHeap& heap,
                                               Form& form) {
  const bool scored = record.type == RecordType::large_sorted_set;
  auto hash = std::make_unique<LargeHash>(
      record.collection, scored ? LargeHash::Order::by_score : LargeHash::Order::none, &heap);
  const auto prefix_bytes = collection_prefix(record.collection);
  const std::string_view prefix(prefix_bytes.data(), prefix_bytes.size());
  for (fields.seek(prefix); fields.valid() && fields.key().starts_with(prefix); fields.next()) {
    if (stopping) return Error{Errc::unavailable, "the server is stopping"};
    const auto value = decode_field(fields.key(), fields.value());
    if (!value) return value.error();
    if (scored && !read_score(*value)) return Error{Errc::damaged, "a score is none"};
    const std::string_view name = fields.key().substr(prefix.size());
    hash->put(name, *value);
    form.add(name, *value);
  }
  if (auto failure = fields.failure()) return *failure;
  if (hash->size() == 0) return Error{Errc::damaged, "a large collection has no fields on disk"};
  return hash;
}

// The deadlines of those fields, in order, until they end.
Result<void> read_deadlines(LargeHash& hash, Cursor& fields, const std::atomic<bool>& stopping) {
  hash.make_timed();
  const auto prefix_bytes = collection_prefix(deadlines_of(hash.collection()));
  const std::string_view prefix(prefix_bytes.data(), prefix_bytes.size());
  for (fields.seek(prefix); fields.valid() && fields.key().starts_with(prefix); fields.next()) {
    if (stopping) return Error{Errc::unavailable, "the server is stopping"};
    const auto deadline = decode_field_deadline(fields.key(), fields.value());
    if (!deadline) return deadline.error();
    if (!hash.set_deadline(fields.key().substr(prefix.size()), *deadline)) {
      return Error{Errc::damaged, "a deadline belongs to no field"};
    }
  }
  if (auto failure = fields.failure()) return *failure;
  return {};
}

Result<Entry*> make_large(std::string_view key, const Record& record, Cursor& fields,
                          const std::atomic<bool>& stopping, SlabHeap& heap,
                          const EncodingLimits& limits) {
  Form form(value_type(record.type), limits);
  auto hash = read_fields(record, fields, stopping, heap, form);
  if (!hash) return hash.error();
  const bool timed = record.type == RecordType::large_timed_hash;
  if (timed) {
    if (auto read = read_deadlines(**hash, fields, stopping); !read) return read.error();
  }
  Entry* const entry = Entry::make(heap, key, sizeof(LargeHash*));
  entry->set_type(value_type(record.type));
  entry->set_large_hash(hash->release());
  entry->set_timed(timed);
  entry->set_form(form.get());
  return entry;
}

// Its fields have not been read.
Entry* make_away(std::string_view key, const Record& record, std::uint64_t version,
                 SlabHeap& heap) {
  return Entry::make_away(heap, key, value_type(record.type), version, record.collection);
}

// `changed` is the field that a touch row has for it, packed; empty if none.
Result<Entry*> make_small(std::string_view key, Record record, std::string_view changed,
                          SlabHeap& heap, const EncodingLimits& limits) {
  const ValueType type = value_type(record.type);
  if (type != ValueType::string && !packed_hash::well_formed(record.value)) {
    return Error{Errc::damaged, "the fields of a packed collection make no sense"};
  }
  const bool timed = record.type == RecordType::timed_hash;
  if (type != ValueType::string && packed_deadlines::timed(record.value) != timed) {
    return Error{Errc::damaged, "the fields of a packed hash have deadlines that do not belong"};
  }
  if (type == ValueType::sorted_set && !packed_scores::well_formed(record.value)) {
    return Error{Errc::damaged, "the scores of a packed sorted set make no sense"};
  }
  packed_hash::Patched patched{{}, 0};
  if (!changed.empty()) {
    auto made = packed_hash::patched(record.value, changed);
    if (record.type != RecordType::hash || !made || made->number > Entry::kChangedFieldMax) {
      return Error{Errc::damaged, "a changed field does not belong to its record"};
    }
    patched = std::move(*made);
    record.value = patched.packed;
  }
  Entry* const entry = Entry::make(heap, key, record.value.size());
  std::memcpy(entry->value_data(), record.value.data(), record.value.size());
  entry->set_type(type);
  entry->set_changed_field(patched.number);
  entry->set_timed(timed);
  if (type == ValueType::string) return entry;
  Form form(type, limits);
  packed_hash::Reader reader(record.value);
  while (reader.next()) form.add(reader.name(), reader.value());
  entry->set_form(form.get());
  return entry;
}

}  // namespace

Result<Entry*> make_entry(std::string_view row_key, std::string_view row,
                          std::optional<std::string_view> touch_row, Cursor& fields,
                          const std::atomic<bool>& stopping, Time now, SlabHeap& heap,
                          const EncodingLimits& limits, LargeFields large) {
  const auto record = decode_record(row_key, row);
  if (!record) return record.error();
  const auto split = split_row_key(row_key);
  if (!split) return Error{Errc::damaged, "the key is too short to name a database"};
  Touch latest{record->version, record->deadline, {}};
  if (touch_row) {
    const auto touch = decode_touch(row_key, *touch_row);
    if (!touch) return touch.error();
    if (touch->version > latest.version) latest = *touch;
  }
  const bool in_rows = is_large(record->type);
  if (in_rows && !latest.field.empty()) {
    return Error{Errc::damaged, "a changed field does not belong to its record"};
  }
  const bool may_be_away =
      large == LargeFields::away && record->type != RecordType::large_timed_hash;
  auto made = !in_rows      ? make_small(split->key, *record, latest.field, heap, limits)
              : may_be_away ? make_away(split->key, *record, latest.version, heap)
                            : make_large(split->key, *record, fields, stopping, heap, limits);
  if (!made) return made.error();
  Entry* const entry = *made;
  entry->set_deadline(std::min(latest.deadline, record->absolute_deadline));
  entry->set_version(latest.version);
  entry->set_created(record->created);
  entry->set_used(now);
  entry->set_touch_row(touch_row.has_value());
  return entry;
}

ColdReader::ColdReader(Store& store, std::unique_ptr<Cursor> fields, const Clock& clock,
                       SlabHeap& heap, const EncodingLimits& limits, Install install,
                       BringBack bring_back, std::size_t threads)
    : store_(store),
      clock_(clock),
      heap_(heap),
      limits_(limits),
      install_(std::move(install)),
      bring_back_(std::move(bring_back)),
      fields_(std::move(fields)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(small_); });
  threads_.emplace_back([this] { run(large_); });
}

ColdReader::~ColdReader() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (Queue* const queue : {&small_, &large_}) queue->wake.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ColdReader::read(std::vector<Wanted> wanted, Ready ready, std::optional<Error> error) {
  put({std::move(wanted), std::move(ready), std::move(error)});
}

void ColdReader::put(Job job) {
  const bool large = !job.wanted.empty() && job.wanted[job.next].collection != 0;
  Queue& queue = large ? large_ : small_;
  {
    std::lock_guard lock(mutex_);
    queue.jobs.push_back(std::move(job));
    // A turn wants many at once, and those that were woken for the first of them take the others,
    // too. Who reads one now may be kept by the disk.
    if (queue.woken == queue.asleep || queue.jobs.size() <= queue.woken) return;
    ++queue.woken;
  }
  queue.wake.notify_one();
}

void ColdReader::run(Queue& queue) {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!stopping_ && queue.jobs.empty()) {
      ++queue.asleep;
      queue.wake.wait(lock);
      --queue.asleep;
      if (queue.woken > 0) --queue.woken;
    }
    if (stopping_) return;
    Job job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    lock.unlock();
    if (read_some(job, &queue == &large_)) {
      job.ready(std::move(job.error));
    } else {
      put(std::move(job));
    }
    lock.lock();
  }
}

// True when it has all it wants, or an error. Ends before a large one, unless it is that one's
// turn; which one is large may turn out here.
bool ColdReader::read_some(Job& job, bool large) {
  const std::size_t end = std::min(job.next + (large ? 1 : kKeysAtOnce), job.wanted.size());
  for (; job.next < end && !job.error; ++job.next) {
    Wanted& wanted = job.wanted[job.next];
    if (wanted.left_at == 0) {
      job.error = read_unknown(wanted, install_, large);
    } else if (large || wanted.collection == 0) {
      job.error = read_away_now(wanted, bring_back_);
    }
    if (!large && wanted.collection != 0) break;
  }
  return job.error || job.next == job.wanted.size();
}

// Nobody has changed the key since the store was opened, or it would be known in RAM: so reading
// its two rows one after the other sees one state. One that is large, where it is not its turn, is
// found to be that and no more.
std::optional<Error> ColdReader::read_unknown(Wanted& wanted, const Install& install, bool large) {
  const auto prefix = database_prefix(wanted.id);
  const std::string row_key = std::string(prefix.data(), prefix.size()) + wanted.key;
  const auto row = store_.read(Column::records, row_key);
  if (!row) return row.error();
  if (!*row) {
    install(wanted, nullptr, ValueType::absent);
    return std::nullopt;
  }
  const auto touch = store_.read(Column::touches, row_key);
  if (!touch) return touch.error();
  std::unique_lock lock(fields_mutex_, std::defer_lock);
  if (const auto record = decode_record(row_key, **row); record && is_large(record->type)) {
    wanted.collection = record->collection;
    if (!large) return std::nullopt;
    lock.lock();
  }
  Result<Entry*> entry =
      make_entry(row_key, **row, *touch, *fields_, stopping_, clock_.now(), heap_, limits_);
  if (lock) lock.unlock();
  if (entry) {
    install(wanted, *entry, (*entry)->type());
    return std::nullopt;
  }
  if (entry.error().code == Errc::damaged) install(wanted, nullptr, ValueType::damaged);
  return entry.error();
}

std::optional<Error> ColdReader::read_away_now(const Wanted& wanted, const BringBack& bring_back) {
  return bring_back(wanted, read_away(wanted));
}

Result<Entry*> ColdReader::read_large_away(const Wanted& wanted, const Record& record) {
  const auto fields = store_.walk(Column::fields);
  if (!fields) return fields.error();
  return make_large(wanted.key, record, **fields, stopping_, heap_, limits_);
}

// The value, a large one's fields as they are now: of the deadline RAM knows better. Whether it is
// still wanted, and the one that left, is seen when it is brought back.
Result<Entry*> ColdReader::read_away(const Wanted& wanted) {
  const auto prefix = database_prefix(wanted.id);
  const std::string row_key = std::string(prefix.data(), prefix.size()) + wanted.key;
  const auto row = store_.read(Column::records, row_key);
  if (!row) return row.error();
  if (!*row) return Error{Errc::damaged, "the record of a value that has left RAM is not there"};
  const auto record = decode_record(row_key, **row);
  if (!record) return record.error();
  if (record->collection != wanted.collection || record->version > wanted.left_at) {
    return Error{Errc::damaged, "the record is not that of the value that has left RAM"};
  }
  if (wanted.collection != 0) return read_large_away(wanted, *record);
  if (!wanted.field_changed) return make_small(wanted.key, *record, {}, heap_, limits_);
  const auto touch_row = store_.read(Column::touches, row_key);
  if (!touch_row) return touch_row.error();
  if (!*touch_row) return Error{Errc::damaged, "a field that changed is not there"};
  const auto touch = decode_touch(row_key, **touch_row);
  if (!touch) return touch.error();
  if (touch->field.empty() || touch->version <= record->version ||
      touch->version > wanted.left_at) {
    return Error{Errc::damaged, "the changed field is not that of the value that has left RAM"};
  }
  return make_small(wanted.key, *record, touch->field, heap_, limits_);
}

}  // namespace sojourn::server
