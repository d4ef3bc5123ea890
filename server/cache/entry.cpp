#include "server/cache/entry.h"

#include <cstdlib>
#include <limits>
#include <new>

#include "server/base/check.h"
#include "server/cache/large_hash.h"

namespace sojourn::server {

Entry* Entry::make(std::string_view key, std::size_t value_bytes) {
  CHECK(key.size() <= std::numeric_limits<std::uint32_t>::max());
  CHECK(value_bytes <= std::numeric_limits<std::uint32_t>::max());
  void* const memory = std::malloc(bytes_for(key.size(), value_bytes));
  CHECK(memory != nullptr);
  auto* const entry = new (memory) Entry();
  entry->deadline_ = kNoDeadline;
  entry->type_ = static_cast<std::uint64_t>(ValueType::string);
  entry->form_ = entry->wide_ = entry->large_ = 0;
  entry->dirty_ = entry->touch_row_ = 0;
  entry->lag_ms_ = 0;
  entry->version_ = 0;
  entry->key_bytes_ = static_cast<std::uint32_t>(key.size());
  entry->value_bytes_ = static_cast<std::uint32_t>(value_bytes);
  entry->created_s_ = entry->used_s_ = 0;
  std::memcpy(entry->data(), key.data(), key.size());
  return entry;
}

void Entry::free(Entry* entry) {
  delete entry->large_hash();
  std::free(entry);
}

std::chrono::seconds Entry::idle(Time now) const {
  const std::uint32_t now_s = seconds(now);
  return std::chrono::seconds(now_s > used_s_ ? now_s - used_s_ : 0);
}

LargeHash* Entry::large_hash() const {
  if (!large_) return nullptr;
  LargeHash* hash;
  std::memcpy(&hash, data() + key_bytes_, sizeof hash);
  return hash;
}

void Entry::set_large_hash(LargeHash* hash) {
  CHECK(value_bytes_ == sizeof hash);
  std::memcpy(value_data(), &hash, sizeof hash);
  large_ = hash != nullptr;
}

void Entry::take_properties(const Entry& other) {
  deadline_ = other.deadline_;
  form_ = other.form_;
  wide_ = other.wide_;
  dirty_ = other.dirty_;
  lag_ms_ = other.lag_ms_;
  touch_row_ = other.touch_row_;
  version_ = other.version_;
  created_s_ = other.created_s_;
  used_s_ = other.used_s_;
}

}  // namespace sojourn::server
