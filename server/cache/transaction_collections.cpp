// What a transaction does to collections: hashes, and sets, whose members are fields without
// values.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "server/base/check.h"
#include "server/cache/hash_view.h"
#include "server/cache/keyspace_impl.h"
#include "server/cache/packed_deadlines.h"
#include "server/cache/packed_hash.h"
#include "server/cache/transaction.h"

namespace sojourn::server {
namespace {

bool fits_packed(std::size_t packed_bytes, std::size_t fields) {
  return packed_bytes <= packed_hash::kBytesMax && fields <= packed_hash::kFieldsMax;
}

// What a field that is set anew keeps. One that is hidden has nothing left to keep.
Time deadline_left(const Entry& entry, std::string_view field, Transaction::FieldDeadline old_one) {
  if (old_one == Transaction::FieldDeadline::dropped) return kNever;
  const HashView fields(entry);
  return fields.get(field) ? fields.deadline(field) : kNever;
}

}  // namespace

Entry* Transaction::make_packed(const Key& key, ValueType type, std::string_view packed) {
  Entry* const made = Entry::make(*keyspace_.impl_->heap, key.name, packed.size());
  std::memcpy(made->value_data(), packed.data(), packed.size());
  made->set_type(type);
  made->set_timed(packed_deadlines::timed(packed));
  return made;
}

Entry* Transaction::make_large(const Key& key, ValueType type, LargeHash* fields) {
  Entry* const made = Entry::make(*keyspace_.impl_->heap, key.name, sizeof fields);
  made->set_type(type);
  made->set_large_hash(fields);
  made->set_timed(fields->timed());
  changes_.push_back({.kind = Change::Kind::all_fields, .key = key, .hash = fields});
  return made;
}

LargeHash* Transaction::new_fields(ValueType type) {
  using Order = LargeHash::Order;
  Keyspace::Impl& impl = *keyspace_.impl_;
  return new LargeHash(Journal::Unit(impl.journal).next_collection(),
                       type == ValueType::sorted_set ? Order::by_score : Order::none,
                       impl.heap.get());
}

Entry* Transaction::make_collection(const Key& key, ValueType type,
                                    std::span<const Member> members) {
  std::size_t bytes = 0;
  for (const Member& member : members) bytes += member.name.size() + member.value.size() + 2;
  if (!fits_packed(bytes, members.size())) {
    LargeHash* const fields = new_fields(type);
    for (const Member& member : members) fields->put(member.name, member.value);
    return make_large(key, type, fields);
  }
  std::string packed;
  for (const Member& member : members) packed_hash::append(packed, member.name, member.value);
  return make_packed(key, type, packed);
}

Entry* Transaction::put_changed(const Key& key, const Shard::Found& found, Entry* entry) {
  replace_packed(key, found, entry);
  mark_dirty(key, *entry);
  return entry;
}

Entry* Transaction::replace_packed(const Key& key, const Shard::Found& found, Entry* entry) {
  entry->take_properties(*found.entry());
  entry->set_used(now_);
  released_.push_back(shard_of(key).replace(found, entry));
  return entry;
}

// One field of a small hash has another value. That alone is written, instead of the record, as
// long as no other has changed since the record was written and it is much shorter.
Entry& Transaction::change_field(const Key& key, const Shard::Found& found,
                                 const packed_hash::Place& place, std::string_view field,
                                 std::string_view value) {
  Entry* entry = found.entry();
  if (place.value.size() == value.size()) {
    char* const at = entry->value_data() + (place.value.data() - entry->value().data());
    std::memmove(at, value.data(), value.size());
    entry->set_used(now_);
  } else {
    const auto [packed, replaced] = packed_hash::with(entry->value(), field, value);
    entry = replace_packed(key, found, make_packed(key, ValueType::hash, packed));
  }
  const bool alone = entry->changed_field() == 0 || entry->changed_field() == place.number;
  const bool shorter =
      2 * (place.piece.size() - place.value.size() + value.size()) < entry->value_bytes();
  if (!alone || !shorter || place.number > Entry::kChangedFieldMax) {
    mark_dirty(key, *entry);
    return *entry;
  }
  asked_for_ = true;
  entry->set_changed_field(place.number);
  // What is written is what it holds at the end: once is enough. But see write_later().
  const bool due = entry->dirty() || entry->touch_due();
  entry->set_touch_due(true);
  if (!due || readers_ != nullptr) changes_.push_back({.kind = Change::Kind::touch, .key = key});
  return *entry;
}

// The packed fields become rows of their own; the record becomes a header.
Entry* Transaction::grow_large(const Key& key, const Shard::Found& found) {
  const Entry& entry = *found.entry();
  LargeHash* const fields = new_fields(entry.type());
  if (entry.timed()) fields->make_timed();
  packed_hash::Reader reader(entry.value());
  while (reader.next()) fields->put(reader.name(), reader.value(), reader.deadline());
  return put_changed(key, found, make_large(key, entry.type(), fields));
}

// A collection where none was.
void Transaction::put_new(const Key& key, Entry* entry) {
  entry->set_created(now_);
  entry->set_used(now_);
  put_entry(key, entry);
  mark_dirty(key, *entry);
}

Transaction::Put Transaction::put(const Key& key, const Shard::Found& found, ValueType type,
                                  std::string_view field, std::string_view value,
                                  FieldDeadline old_one) {
  if (!found) {
    const Member only{field, value};
    Entry* const made = make_collection(key, type, {&only, 1});
    put_new(key, made);
    return {*made, true};
  }
  Entry* entry = found.entry();
  CHECK(entry->type() == type);
  if (entry->large_hash() == nullptr) {
    const std::string_view old = entry->value();
    if (fits_packed(old.size() + field.size() + value.size(), packed_hash::size(old) + 1)) {
      if (type == ValueType::hash && !entry->timed()) {
        if (const auto place = packed_hash::find(old, field)) {
          return {change_field(key, found, *place, field, value), false};
        }
      }
      const auto [packed, replaced] =
          type == ValueType::sorted_set ? packed_scores::with(old, {decode_score(value), field})
          : entry->timed()
              ? packed_deadlines::with(old, field, value, deadline_left(*entry, field, old_one))
              : packed_hash::with(old, field, value);
      return {*put_changed(key, found, make_packed(key, type, packed)), !replaced};
    }
    entry = grow_large(key, found);
  }
  asked_for_ = true;
  entry->set_used(now_);
  LargeHash& large = *entry->large_hash();
  note_put(key, large, type, field, value);
  const Time deadline = deadline_left(*entry, field, old_one);
  if (large.timed() && deadline != large.deadline(field)) note_deadline(key, large, field);
  return {*entry, large.put(field, value, deadline)};
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
void Transaction::note_form(Entry& entry, std::string_view field, std::string_view value) const {
  entry.set_form(keyspace_.impl_->encoding_limits.after(entry.type(), entry.fields_form(),
                                                        HashView(entry).size(), field, value));
}

bool Transaction::erase_from(const Key& key, std::string_view field) {
  const Shard::Found found = look_up(key);
  if (!found) return false;
  Entry& entry = *found.entry();
  if (LargeHash* const large = entry.large_hash()) {
    const bool had_deadline = large->deadline(field) != kNever;
    if (!large->erase(field)) return false;
    asked_for_ = true;
    changes_.push_back({.kind = Change::Kind::field_erased,
                        .key = key,
                        .collection = large->collection(),
                        .field = field});
    if (had_deadline) note_deadline(key, *large, field);
    if (large->size() == 0) remove(key, found);
    return true;
  }
  const auto [packed, erased] = packed_hash::without(entry.value(), field);
  if (!erased) return false;
  asked_for_ = true;
  if (packed_hash::size(packed) == 0) {
    remove(key, found);
  } else {
    put_changed(key, found, make_packed(key, entry.type(), packed));
  }
  return true;
}

bool Transaction::put_field(const Key& key, std::string_view field, std::string_view value,
                            FieldDeadline old_one) {
  const Put done = put(key, look_up(key), ValueType::hash, field, value, old_one);
  note_form(done.entry, field, value);
  return done.added;
}

bool Transaction::put_score(const Key& key, const ScoredMember& member) {
  // The listpacks of Redis, whose scores these are, have no negative zero.
  const Shard::Found found = look_up(key);
  const bool compact = !found || found.entry()->fields_form() == FieldsForm::compact;
  const double score = compact && member.score == 0 ? 0 : member.score;
  const ScoreBytes bytes = encode_score(score);
  const Put done = put(key, found, ValueType::sorted_set, member.member, view(bytes));
  note_form(done.entry, member.member, view(bytes));
  return done.added;
}

bool Transaction::erase_field(const Key& key, std::string_view field) {
  const Entry* const entry = peek(key);
  CHECK(entry == nullptr || entry->type() == ValueType::hash);
  return erase_from(key, field);
}

std::size_t Transaction::add_members(const Key& key, std::span<const std::string_view> members) {
  const EncodingLimits& limits = keyspace_.impl_->encoding_limits;
  Shard::Found found = look_up(key);
  FieldsForm form =
      found ? limits.before(ValueType::set, found.entry()->fields_form(), members.size())
            : limits.at_first(ValueType::set, members.front(), members.size());
  std::size_t added = 0;
  for (const std::string_view member : members) {
    if (found && HashView(*found.entry()).get(member)) continue;
    const Put done = put(key, found, ValueType::set, member, {});
    if (!found) found = look_up(key);
    ++added;
    form = limits.after(ValueType::set, form, HashView(done.entry).size(), member, {});
  }
  found.entry()->set_form(form);
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
  Entry* const made = make_collection(key, type, members);
  made->set_form(form_of(type, members));
  const Entry* const overwritten = peek(key);
  // A touch row may be there already; it is older than the record now written.
  made->set_touch_row(overwritten != nullptr && overwritten->touch_row());
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

}  // namespace sojourn::server
