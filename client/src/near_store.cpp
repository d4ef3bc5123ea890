#include "sojourn/detail/near_store.h"

#include "client/src/handshake.h"

namespace sojourn::detail {

NearStore::NearStore(Limits limits, Now now) : limits_(limits), now_(std::move(now)) {}

std::optional<NearStore::Value> NearStore::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  const bool there = found != entries_.end();
  const bool old =
      there && limits_.age_max.count() > 0 && now_() - found->second.read_at > limits_.age_max;
  if (old) erase(found);
  if (!there || old) {
    ++figures_.misses;
    return std::nullopt;
  }
  ++figures_.hits;
  order_.splice(order_.begin(), order_, found->second.order);
  return found->second.value;
}

std::unique_ptr<NearStore::Reading> NearStore::begin(std::string_view key) {
  const std::lock_guard lock(mutex_);
  ++readings_[std::string(key)].readings;
  return std::make_unique<Reading>(shared_from_this(), std::string(key), ++count_);
}

Result<NearStore::Value> NearStore::Reading::take(Result<Replies> result) {
  if (!result) return result.error();
  Reply& reply = result->front();
  // Some errors quote the arguments, and a key may be a secret.
  if (reply.is_error()) return Error(Errc::server_error, without_arguments(reply.text));
  Result<Value> value = std::move(reply).as<Value>();
  if (value) store_->end(*this, &*value);
  return value;
}

void NearStore::end(Reading& reading, const Value* value) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(reading.ended_, true)) return;
  const auto found = readings_.find(reading.key_);
  const bool doubtful = reading.begun_ < found->second.changed || reading.begun_ < all_changed_;
  if (--found->second.readings == 0) {
    readings_.erase(found);
  } else if (value != nullptr) {
    // The others are as old, or older, and whoever got this value must not be given theirs.
    found->second.changed = ++count_;
  }
  if (value == nullptr) return;
  if (doubtful) ++figures_.raced;
  if (const auto kept = entries_.find(reading.key_); kept != entries_.end()) {
    // Which of the two is newer nobody knows.
    if (kept->second.value != *value) erase(kept);
  } else if (!doubtful) {
    keep(reading.key_, *value);
  }
}

void NearStore::keep(const std::string& key, const Value& value) {
  const std::size_t bytes = bytes_of(key, value);
  if (bytes > limits_.bytes_max) return;
  order_.push_front(key);
  entries_.emplace(key, Entry{value, now_(), order_.begin()});
  figures_.bytes += bytes;
  while (entries_.size() > limits_.entries_max || figures_.bytes > limits_.bytes_max) {
    erase(entries_.find(order_.back()));
  }
}

void NearStore::erase(Entries::iterator entry) {
  figures_.bytes -= bytes_of(entry->first, entry->second.value);
  order_.erase(entry->second.order);
  entries_.erase(entry);
}

// The key stands in the entry and in the order; the rest is about what nodes and strings take.
std::size_t NearStore::bytes_of(const std::string& key, const Value& value) {
  constexpr std::size_t kNodes = 240;
  return kNodes + 2 * key.size() + (value ? value->size() : 0);
}

void NearStore::drop_locked(std::string_view key) {
  if (const auto entry = entries_.find(key); entry != entries_.end()) erase(entry);
  if (const auto found = readings_.find(key); found != readings_.end()) {
    found->second.changed = ++count_;
  }
}

void NearStore::drop(std::string_view key) {
  const std::lock_guard lock(mutex_);
  drop_locked(key);
}

void NearStore::drop_all() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  order_.clear();
  figures_.bytes = 0;
  all_changed_ = ++count_;
}

void NearStore::on_push(const Reply& push) {
  if (push.elements.size() < 2 || push.elements[0].text != "invalidate") return;
  const Reply& keys = push.elements[1];
  if (!keys.is_aggregate()) return drop_all();  // null: every key there is
  const std::lock_guard lock(mutex_);
  figures_.invalidations += keys.elements.size();
  for (const Reply& key : keys.elements) drop_locked(key.text);
}

NearStore::Figures NearStore::figures() const {
  const std::lock_guard lock(mutex_);
  Figures figures = figures_;
  figures.entries = entries_.size();
  return figures;
}

}  // namespace sojourn::detail
