// What workers do for the keyspace between requests, in small steps.

#include <algorithm>
#include <mutex>

#include "server/base/check.h"
#include "server/cache/keyspace_impl.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kExpireAtOnce = 64;  // entries under one hold of a shard's lock
constexpr std::size_t kFieldsAtOnce = 64;  // of large ones
constexpr std::size_t kCleanAtOnce = 512;
constexpr std::size_t kMoveAtOnce = 32;     // entries
constexpr std::size_t kDrainAtOnce = 256;   // fields of a large hash

}  // namespace

bool Keyspace::Impl::expire(Keyspace& keyspace, std::size_t worker, std::size_t workers,
                            const std::function<bool()>& out_of_time) {
  const Time now = clock.now();
  const DueSlot slot = due_time.slot_at(now);
  for (std::size_t index = worker; index < kShards; index += workers) {
    while (due[index].load(std::memory_order_relaxed) <= slot) {
      const bool expired = expire_shard(keyspace, index, slot, now);
      if (out_of_time()) return true;
      if (!expired) break;  // all that fell due lives on
    }
  }
  return false;
}

// To who watches the key.
void Keyspace::Impl::note_gone(DatabaseId id, std::string_view key, std::size_t shard) {
  if (!watches->any(std::uint64_t{shard} << (64 - kShardBits))) [[likely]]
    return;
  const auto database = database_of(id);
  if (database) watches->gone(static_cast<std::uint16_t>(*database), hash_with(secret, key));
}

// True when something was due in the shard.
bool Keyspace::Impl::expire_shard(Keyspace& keyspace, std::size_t index, DueSlot slot, Time now) {
  Shard& shard = shards[index];
  Shard::Due found;
  if (!shard.lock.lock_if_short()) return false;
  std::unique_lock guard(shard.lock, std::adopt_lock);
  due[index].store(shard.expire_due(slot, now, due_time, kExpireAtOnce, found),
                   std::memory_order_relaxed);
  if (found.size() == 0) return false;
  const std::vector<Named> hashes = names_of(found.with_due_fields);
  const bool noted = !found.expired.empty() && end_expired(index, found.expired);
  guard.release();
  expire_fields(keyspace, index, hashes, now);
  if (noted) events.tell();
  return true;
}

// Of entries that were taken out. Under the shard's lock. True if there is something to tell.
bool Keyspace::Impl::end_expired(std::size_t index, const std::vector<Shard::Expired>& expired) {
  Shard& shard = shards[index];
  const bool noted = note_expired(expired);
  const std::vector<std::string> read = names_if_tracked(expired);
  {
    Journal::Unit unit(journal);
    for (const auto& [id, entry] : expired) {
      if (!alive(id)) continue;
      unit.erase(id, entry->key(), entry->touch_row());
      for_each_collection(*entry, [&](std::uint64_t rows) { unit.erase_collection(rows); });
    }
  }
  for (const auto& [id, entry] : expired) {
    note_gone(id, entry->key(), index);
    if (!shard.warm) {
      // The record may still be found on disk by whoever is loading: remember that it is gone.
      Entry* const absent = Entry::make(*heap, entry->key(), 0);
      absent->set_type(ValueType::absent);
      shard.insert(id, absent, hash_with(secret, entry->key()));
    }
    release(entry);
  }
  tell_readers(read);  // before anybody can find them gone
  return noted;
}

// Those of databases that are there. Under the shard's lock.
std::vector<Keyspace::Impl::Named> Keyspace::Impl::names_of(
    const std::vector<Shard::Expired>& entries) const {
  std::vector<Named> names;
  for (const auto& [id, entry] : entries) {
    const auto database = database_of(id);
    if (!database) continue;
    names.push_back({std::string(entry->key()), static_cast<std::uint16_t>(*database)});
  }
  return names;
}

// Takes over the shard's lock. Whatever is left is filed as due.
void Keyspace::Impl::expire_fields(Keyspace& keyspace, std::size_t shard,
                                   const std::vector<Named>& hashes, Time now) {
  Transaction transaction(keyspace, Transaction::LockedShard{static_cast<std::uint16_t>(shard)},
                          now);
  std::size_t left = kFieldsAtOnce;
  for (const auto& [name, database] : hashes) {
    left -= transaction.expire_fields(keyspace.key(database, name), left);
  }
}

// Under the shard's lock. True if there is something to tell.
bool Keyspace::Impl::note_expired(const std::vector<Shard::Expired>& expired) {
  if ((events.wanted() & static_cast<std::uint16_t>(KeyEventClass::expired)) == 0) return false;
  std::vector<KeyEvent> noted;
  for (const auto& [id, entry] : expired) {
    const auto database = database_of(id);
    if (!database) continue;
    noted.push_back({"expired", std::string(entry->key()), static_cast<std::uint16_t>(*database)});
  }
  events.queue(std::move(noted), 0);
  return true;
}

// Under the shard's lock: the entries go.
std::vector<std::string> Keyspace::Impl::names_if_tracked(
    const std::vector<Shard::Expired>& expired) const {
  std::vector<std::string> names;
  if (!tracking.any()) [[likely]]
    return names;
  for (const auto& [id, entry] : expired) {
    if (alive(id)) names.emplace_back(entry->key());
  }
  return names;
}

void Keyspace::Impl::tell_readers(const std::vector<std::string>& expired) {
  if (expired.empty()) [[likely]]
    return;
  std::vector<TrackedName> names;
  names.reserve(expired.size());
  for (const std::string& name : expired) names.push_back({name, hash_with(secret, name)});
  tracking.changed(names, 0);
}

bool Keyspace::Impl::clean_up(std::size_t worker, std::size_t workers,
                              const std::function<bool()>& out_of_time) {
  Sweep& sweep = sweeps[worker];
  const std::uint64_t generation = parts_generation.load(std::memory_order_acquire);
  if (sweep.parts_generation != generation) {
    sweep.parts_generation = generation;
    sweep.parts.begin(worker);
  }
  return walk(sweep.parts, workers, out_of_time,
              [this](Shard& shard) { return clean_shard(shard, kCleanAtOnce); });
}

template <class Step>
bool Keyspace::Impl::walk(Sweep::Walk& walk, std::size_t workers,
                          const std::function<bool()>& out_of_time, Step&& step) {
  enum class Done : std::uint8_t { yes, no, held };
  const auto visit = [&](std::size_t index) {
    Shard& shard = shards[index];
    if (!shard.lock.lock_if_short()) return Done::held;
    const std::lock_guard guard(shard.lock, std::adopt_lock);
    return step(shard) ? Done::yes : Done::no;
  };
  while (walk.at < kShards) {
    const Done done = visit(walk.at);
    if (done == Done::yes) walk.at += workers;
    if (done == Done::held) walk.skip(workers);
    if (out_of_time()) return true;
  }
  // Once each: who is held still is asked again when upkeep comes round next.
  for (std::size_t left = walk.missed.size(); left > 0 && !walk.missed.empty();) {
    const Done done = visit(walk.missed.front());
    if (done != Done::no) --left;
    if (done == Done::held) walk.missed.push_back(walk.missed.front());
    if (done != Done::no) walk.missed.erase(walk.missed.begin());
    if (out_of_time()) return left > 0;
  }
  return false;
}

// Frees what belonged to flushed databases and, once all is loaded, what only said that a key is
// absent. Under the shard's lock. True when the shard is clean.
bool Keyspace::Impl::clean_shard(Shard& shard, std::size_t entries_max) {
  std::vector<std::uint64_t> collections;
  const bool forget_absent = warm.load(std::memory_order_acquire);
  std::size_t freed = 0;
  shard.visit_parts([&](ShardPart& part) {
    const bool dead = !alive(part.id);
    if (!dead && !(forget_absent && part.absent > 0)) return;
    for (std::uint32_t i = 0; i < part.table.buckets() && freed < entries_max; ++i) {
      part.table.filter_bucket<Entry>(i, [&](Entry& entry) {
        if (!dead && entry.type() != ValueType::absent) return true;
        Shard::count(part, entry, -1);
        for_each_collection(entry, [&](std::uint64_t rows) { collections.push_back(rows); });
        release(&entry);
        ++freed;
        return false;
      });
    }
    part.table.shrink();
  });
  if (!collections.empty()) {
    // A flush erased the records at once; the fields' rows go with the memory.
    Journal::Unit unit(journal);
    for (const std::uint64_t collection : collections) unit.erase_collection(collection);
  }
  if (freed >= entries_max) return false;
  shard.drop_empty_parts([&](DatabaseId id) { return alive(id); });
  if (forget_absent) shard.warm = true;
  return true;
}

// Worker 0 has the heap looked through for regions worth emptying; every worker moves what its
// shards have in them.
bool Keyspace::Impl::make_way(std::size_t worker, std::size_t workers,
                              const std::function<bool()>& out_of_time) {
  bool more = false;
  if (worker == 0) {
    do {
      more = evacuation.step(workers);
    } while (more && !out_of_time());
  }
  Sweep& sweep = sweeps[worker];
  const std::uint64_t number = evacuation.number();
  if (number == 0 || (number == sweep.evacuation && sweep.moved.ended())) return more;
  if (number != sweep.evacuation) {
    sweep.evacuation = number;
    sweep.moved.begin(worker);
  }
  if (out_of_time()) return true;
  const bool goes_on = walk(sweep.moved, workers, out_of_time, [this](Shard& shard) {
    return shard.make_way(evacuation, kMoveAtOnce);
  });
  if (!sweep.moved.ended()) return goes_on;
  evacuation.walked();
  return worker == 0;  // who takes the next step
}

bool Keyspace::Impl::drain_hashes() {
  const std::lock_guard guard(garbage_mutex);
  if (!garbage.empty()) {
    LargeHash& hash = *garbage.back();
    const std::size_t before = hash.bytes();
    const bool empty = hash.drain(kDrainAtOnce);
    garbage_bytes.fetch_sub(before - hash.bytes(), std::memory_order_relaxed);
    if (empty) garbage.pop_back();
  }
  has_garbage.store(!garbage.empty(), std::memory_order_release);
  return !garbage.empty();
}

}  // namespace sojourn::server
