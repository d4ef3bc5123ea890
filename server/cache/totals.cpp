// All shards summed up, whoever holds some of them.

#include "server/base/check.h"
#include "server/cache/keyspace.h"
#include "server/cache/keyspace_impl.h"

namespace sojourn::server {

using Totals = Keyspace::Totals;

Totals& Totals::operator+=(const Totals& part) {
  hits += part.hits;
  misses += part.misses;
  expired += part.expired;
  away += part.away;
  for (std::size_t i = 0; i < part.databases.size(); ++i) {
    databases[i].keys += part.databases[i].keys;
    databases[i].with_deadline += part.databases[i].with_deadline;
  }
  return *this;
}

std::size_t Totals::keys() const {
  std::size_t keys = 0;
  for (const Database& database : databases) keys += database.keys;
  return keys;
}

Totals Keyspace::Impl::no_totals() const {
  Totals totals;
  totals.expired_fields = expired_fields.load(std::memory_order_relaxed);
  totals.entry_bytes = bytes_in_use();
  totals.databases.resize(options.databases);
  return totals;
}

void Keyspace::Impl::add_totals(Shard& shard, Totals& totals) const {
  totals.hits += shard.hits;
  totals.misses += shard.misses;
  totals.expired += shard.expired;
  shard.visit_parts([&](const ShardPart& part) {
    const std::optional<std::size_t> database = database_of(part.id);
    if (!database || *database >= totals.databases.size()) return;
    totals.databases[*database].keys += part.table.size() - part.absent;
    totals.databases[*database].with_deadline += part.with_deadline;
    totals.away += part.away;
  });
}

Totals Keyspace::totals(const Transaction* within) const {
  Totals totals = impl_->no_totals();
  if (within != nullptr) {
    CHECK(within->holds_all());
    for (std::size_t i = 0; i < Impl::kShards; ++i) impl_->add_totals(impl_->shards[i], totals);
    return totals;
  }
  for (std::size_t i = 0; i < Impl::kShards;) {
    Shard& shard = impl_->shards[i];
    if (shard.lock.lock_unless_long()) {
      const std::lock_guard guard(shard.lock, std::adopt_lock);
      impl_->add_totals(shard, totals);
      ++i;
      continue;
    }
    const LongHold::Left left = impl_->long_hold.add(i, totals);
    if (left == LongHold::Left::all) return totals;
    if (left == LongHold::Left::shard) ++i;  // else it was let go meanwhile
  }
  return totals;
}

std::optional<Totals> Keyspace::totals_at_once() const {
  Totals totals = impl_->no_totals();
  for (std::size_t i = 0; i < Impl::kShards; ++i) {
    Shard& shard = impl_->shards[i];
    if (shard.lock.lock_if_short()) {
      const std::lock_guard guard(shard.lock, std::adopt_lock);
      impl_->add_totals(shard, totals);
      continue;
    }
    const LongHold::Left left = impl_->long_hold.add(i, totals);
    if (left == LongHold::Left::all) return totals;
    if (left == LongHold::Left::nothing) return std::nullopt;
  }
  return totals;
}

bool Keyspace::reset_stats(const Transaction* within) {
  impl_->cold_reads = impl_->expired_fields = impl_->spilled = impl_->brought_back = 0;
  for (std::size_t i = 0; i < Impl::kShards; ++i) {
    Shard& shard = impl_->shards[i];
    const ShardHold hold(shard, within);
    if (!hold) return false;
    shard.hits = shard.misses = shard.expired = 0;
  }
  return true;
}

std::size_t Keyspace::entry_bytes_of(const Entry& entry) const {
  // Its share of a bucket that is about nine tenths full.
  constexpr std::size_t kBucketShare = sizeof(SlotTable::Bucket) / 6;
  const LargeHash* const hash = entry.large_hash();
  return entry.bytes() + kBucketShare + (hash != nullptr ? hash->bytes() : 0);
}

}  // namespace sojourn::server
