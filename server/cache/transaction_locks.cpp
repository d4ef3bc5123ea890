// How a transaction gets hold of its shards, and gives them back.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/cache/keyspace_impl.h"
#include "server/cache/transaction.h"

namespace sojourn::server {

Transaction::Transaction(Keyspace& keyspace, std::span<const Key> keys, Time now)
    : keyspace_(keyspace), now_(now), wanted_events_(keyspace.impl_->events.wanted()) {
  add_shards(keys);
  began_ = locked_.size() == 1 ? keyspace_.impl_->shards[locked_[0]].lock.lock_unless_long()
                               : lock_shards();
  finished_ = !began_;
}

Transaction::Transaction(Keyspace& keyspace, AllShards, Time now)
    : Transaction(keyspace, Growing(), {}, now) {
  if (began_) hold_all();
}

Transaction::Transaction(Keyspace& keyspace, Growing, std::span<const Key> keys, Time now)
    : keyspace_(keyspace),
      now_(now),
      wanted_events_(keyspace.impl_->events.wanted()),
      growing_(true) {
  began_ = keyspace_.impl_->growing.lock_unless_long();
  finished_ = !began_;
  if (!began_) return;
  add_shards(keys);
  for (const std::uint16_t index : locked_) keyspace_.impl_->shards[index].lock.lock();
}

Transaction::Transaction(Keyspace& keyspace, LockedShard shard, Time now)
    : keyspace_(keyspace), now_(now), wanted_events_(keyspace.impl_->events.wanted()) {
  locked_.push_back(shard.index);
}

void Transaction::add_shards(std::span<const Key> keys) {
  for (const Key& key : keys) {
    locked_.push_back(static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash)));
  }
  if (locked_.size() > 1) {
    std::sort(locked_.begin(), locked_.end());
    locked_.erase(std::unique(locked_.begin(), locked_.end()), locked_.end());
  }
}

// Waits for one with nothing held, then takes the others or begins again with the one it missed.
// For each of those it spins a while, since what is short mostly ends meanwhile; as it never sleeps
// on one while it holds others, and lets go of all when the while is over, there is no deadlock.
bool Transaction::lock_shards() {
  const auto lock_of = [&](std::size_t i) -> Lock& {
    return keyspace_.impl_->shards[locked_[i]].lock;
  };
  for (std::size_t first = 0; !locked_.empty();) {
    if (!lock_of(first).lock_unless_long()) return false;
    std::size_t i = 0;
    while (i < locked_.size() && (i == first || lock_of(i).lock_soon())) ++i;
    if (i == locked_.size()) return true;
    for (std::size_t taken = 0; taken < i; ++taken) {
      if (taken != first) lock_of(taken).unlock();
    }
    lock_of(first).unlock();
    first = i;
  }
  return true;
}

bool Transaction::holds_among_several(std::uint16_t shard) const {
  return all_ || std::binary_search(locked_.begin(), locked_.end(), shard);
}

bool Transaction::holds(const Key& key) const {
  return holds(static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash)));
}

void Transaction::hold(const Key& key) {
  const auto index = static_cast<std::uint16_t>(Keyspace::Impl::shard_index(key.hash));
  if (holds(index)) return;
  CHECK(growing_);
  Lock& lock = keyspace_.impl_->shards[index].lock;
  lock.lock();
  if (long_) [[unlikely]] {
    leave_figures(index);
    lock.say_it_will_be_long();
  }
  locked_.insert(std::lower_bound(locked_.begin(), locked_.end(), index), index);
}

void Transaction::hold_all() {
  CHECK(growing_);
  if (all_) return;
  for (std::size_t i = 0; i < Keyspace::Impl::kShards; ++i) {
    if (holds(static_cast<std::uint16_t>(i))) continue;
    keyspace_.impl_->shards[i].lock.lock();
  }
  all_ = true;
  locked_.clear();
  if (long_) mark_long();
}

bool Transaction::knows(const Key& key) {
  if (keyspace_.settled()) [[likely]]
    return true;
  Shard& shard = shard_of(key);
  const Shard::Found found = shard.find(keyspace_.impl_->id_of(key.database), key.name, key.hash);
  if (found) return found.entry()->type() != ValueType::damaged;
  return shard.warm || keyspace_.warm();
}

bool Transaction::lacks(std::span<const Key> keys, Need need) {
  if (need == Need::key) return false;
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
    const DatabaseId id = keyspace_.impl_->id_of(key.database);
    Shard& shard = shard_of(key);
    const ShardPart* const part = shard.part(id);
    if (part == nullptr || part->away == 0) return false;
    const Shard::Found found = shard.find(id, key.name, key.hash);
    if (!found || !found.entry()->away() || found.entry()->expired(now_)) return false;
    return need == Need::value || found.entry()->changed_field() != 0;
  });
}

std::optional<Error> Transaction::learn(const Key& key) {
  Keyspace::Impl& impl = *keyspace_.impl_;
  const DatabaseId id = impl.id_of(key.database);
  const Shard::Found found = shard_of(key).find(id, key.name, key.hash);
  if (found && found.entry()->away()) {
    return impl.cold_reader->read_away_now(
        ColdReader::Wanted::value_of(id, *found.entry()),
        [&](const ColdReader::Wanted& wanted, Result<Entry*> value) {
          return impl.bring_back_held(wanted, key.hash, std::move(value));
        });
  }
  if (found) return Error{Errc::damaged, "the record of this key on disk is damaged; see the log"};
  impl.cold_reads.fetch_add(1, std::memory_order_relaxed);
  return impl.cold_reader->read_now(
      {id, std::string(key.name)}, [&](const ColdReader::Wanted&, Entry* entry, ValueType type) {
        impl.install_held(id, key.hash, impl.or_placeholder(entry, key.name, type));
      });
}

// --- what is held for long ---

void Transaction::leave_figures(std::uint16_t shard) {
  Keyspace::Impl& impl = *keyspace_.impl_;
  Keyspace::Totals totals = impl.no_totals();
  impl.add_totals(impl.shards[shard], totals);
  impl.long_hold.leave(shard, std::move(totals));
}

void Transaction::say_it_will_be_long() {
  CHECK(growing_);
  if (!long_) mark_long();
}

// Figures first: who finds a shard held for long finds its figures, too.
void Transaction::mark_long() {
  Keyspace::Impl& impl = *keyspace_.impl_;
  long_ = true;
  impl.long_hold.begin();
  if (all_) impl.long_hold.leave_all(keyspace_.totals(this));
  for (const std::uint16_t index : locked_) {
    leave_figures(index);
    impl.shards[index].lock.say_it_will_be_long();
  }
  for (std::size_t i = 0; all_ && i < Keyspace::Impl::kShards; ++i) {
    impl.shards[i].lock.say_it_will_be_long();
  }
  impl.growing.say_it_will_be_long();
}

void Transaction::forget() {
  Keyspace::Impl& impl = *keyspace_.impl_;
  finished_ = forgotten_ = true;
  say_it_will_be_long();
  for (const std::uint16_t index : locked_) impl.shards[index].lock.close();
  for (std::size_t i = 0; all_ && i < Keyspace::Impl::kShards; ++i) impl.shards[i].lock.close();
  impl.growing.close();
  impl.long_hold.tell_waiting();
}

void Transaction::unlock() {
  Keyspace::Impl& impl = *keyspace_.impl_;
  for (const std::uint16_t index : locked_) impl.shards[index].lock.unlock();
  if (!growing_) [[likely]]
    return;
  for (std::size_t i = 0; all_ && i < Keyspace::Impl::kShards; ++i) impl.shards[i].lock.unlock();
  std::vector<LongHold::Ready> waiting;
  if (long_) [[unlikely]]
    waiting = impl.long_hold.end();
  impl.growing.unlock();
  for (const LongHold::Ready& ready : waiting) ready();
}

}  // namespace sojourn::server
