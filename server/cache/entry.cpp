#include "server/cache/entry.h"

#include <limits>
#include <new>

#include "server/base/check.h"
#include "server/cache/large_hash.h"
#include "server/cache/packed_deadlines.h"

namespace sojourn::server {

Entry* Entry::make(SlabHeap& heap, std::string_view key, std::size_t value_bytes) {
  CHECK(key.size() <= std::numeric_limits<std::uint32_t>::max());
  CHECK(value_bytes <= std::numeric_limits<std::uint32_t>::max());
  const bool long_sizes = !fit_short(key.size(), value_bytes);
  auto* const entry =
      new (heap.allocate(head_bytes(long_sizes) + key.size() + value_bytes)) Entry();
  entry->deadline_ = kNoDeadline;
  entry->type_ = static_cast<std::uint64_t>(ValueType::string);
  entry->form_ = entry->large_ = 0;
  entry->dirty_ = entry->touch_row_ = entry->timed_ = entry->away_ = 0;
  entry->lag_ = entry->changed_field_ = entry->touch_due_ = 0;
  entry->version_ = 0;
  entry->long_sizes_ = long_sizes;
  entry->created_s_ = entry->used_s_ = 0;
  entry->set_sizes(key.size(), value_bytes);
  std::memcpy(const_cast<char*>(entry->data()), key.data(), key.size());
  return entry;
}

void Entry::free(SlabHeap& heap, Entry* entry) {
  delete entry->large_hash();
  heap.free(entry, entry->bytes());
}

void Entry::set_sizes(std::size_t key_bytes, std::size_t value_bytes) {
  auto* const at = reinterpret_cast<unsigned char*>(this + 1);
  if (long_sizes_) {
    const Sizes sizes{static_cast<std::uint32_t>(key_bytes),
                      static_cast<std::uint32_t>(value_bytes)};
    std::memcpy(at, &sizes, sizeof sizes);
  } else {
    const auto value = static_cast<std::uint16_t>(value_bytes);
    at[0] = static_cast<unsigned char>(key_bytes);
    std::memcpy(at + 1, &value, sizeof value);
  }
}

Entry* Entry::make_away(SlabHeap& heap, const Entry& entry) {
  CHECK(!entry.away_ && !entry.timed_ && entry.present());
  CHECK(!entry.dirty_ && !entry.touch_due_);
  Entry* const away =
      make_away(heap, entry.key(), entry.type(), entry.version_, entry.collection());
  away->take_properties(entry);
  return away;
}

Entry* Entry::make_away(SlabHeap& heap, std::string_view key, ValueType type, std::uint64_t version,
                        std::uint64_t collection) {
  const std::uint64_t held[] = {version, collection};
  Entry* const away = make(heap, key, bytes_held_away(collection != 0));
  std::memcpy(away->value_data(), held, away->value_bytes());
  away->version_ = version;
  away->set_type(type);
  away->set_form(FieldsForm::unread);
  away->away_ = 1;
  return away;
}

std::size_t Entry::bytes_held_away(bool large) { return (large ? 2 : 1) * sizeof(std::uint64_t); }

std::size_t Entry::bytes_away(const Entry& entry) {
  const std::size_t key_bytes = entry.sizes().key;
  const std::size_t held = bytes_held_away(entry.large_);
  return SlabHeap::rounded(head_bytes(!fit_short(key_bytes, held)) + key_bytes + held);
}

std::uint64_t Entry::left_at() const {
  CHECK(away_);
  std::uint64_t version;
  std::memcpy(&version, held().data(), sizeof version);
  return version;
}

std::uint64_t Entry::collection() const {
  if (const LargeHash* const hash = large_hash()) return hash->collection();
  if (!away_ || held().size() == bytes_held_away(false)) return 0;
  std::uint64_t collection;
  std::memcpy(&collection, held().data() + bytes_held_away(false), sizeof collection);
  return collection;
}

std::chrono::seconds Entry::idle(Time now) const {
  const std::uint32_t now_s = seconds(now);
  return std::chrono::seconds(now_s > used_s_ ? now_s - used_s_ : 0);
}

LargeHash* Entry::large_hash() const {
  if (!large_) return nullptr;
  LargeHash* hash;
  std::memcpy(&hash, value().data(), sizeof hash);
  return hash;
}

void Entry::set_large_hash(LargeHash* hash) {
  CHECK(value_bytes() == sizeof hash);
  std::memcpy(value_data(), &hash, sizeof hash);
  large_ = hash != nullptr;
}

Time Entry::nearest_of_fields() const {
  const LargeHash* const large = large_hash();
  return large != nullptr ? large->nearest_deadline() : packed_deadlines::nearest(value());
}

bool Entry::all_fields_due(Time now) const {
  const LargeHash* const large = large_hash();
  return large != nullptr ? large->all_due(now) : packed_deadlines::all_due(value(), now);
}

void Entry::take_properties(const Entry& other) {
  deadline_ = other.deadline_;
  if (other.fields_form() != FieldsForm::unread) form_ = other.form_;
  dirty_ = other.dirty_;
  lag_ = other.lag_;
  touch_row_ = other.touch_row_;
  touch_due_ = other.touch_due_;
  changed_field_ = other.changed_field_;
  version_ = other.version_;
  created_s_ = other.created_s_;
  used_s_ = other.used_s_;
}

}  // namespace sojourn::server
