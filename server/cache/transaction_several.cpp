// What a transaction does to whole databases, and what it takes to be several commands.

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "server/base/check.h"
#include "server/cache/keyspace_impl.h"
#include "server/cache/transaction.h"

namespace sojourn::server {

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
  several_->bytes_total += size;
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

std::string_view Transaction::owned(std::string_view text) {
  char* const at =
      several().bytes.emplace_back(std::make_unique_for_overwrite<char[]>(text.size())).get();
  std::copy(text.begin(), text.end(), at);
  return {at, text.size()};
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

}  // namespace sojourn::server
