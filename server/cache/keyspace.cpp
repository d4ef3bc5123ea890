#include "server/cache/keyspace.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "server/base/check.h"
#include "server/base/prefetch.h"
#include "server/cache/keyspace_impl.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kMappingRow = "databases";
constexpr std::size_t kColdReaderThreads = 2;
constexpr std::chrono::microseconds kSpillTimeMin{170};

// A SCAN cursor: shard, place in it (a tag), and the shard's generation, 38 bits in all.
constexpr int kTagBits = 16;
constexpr int kGenerationShift = kTagBits + 14;

// A scan looks at as many buckets as it shall visit entries, and at no fewer than these.
constexpr std::size_t kBucketsScannedMin = 200;

std::uint64_t random_number() {
  thread_local std::mt19937_64 numbers{std::random_device{}()};
  return numbers();
}

}  // namespace

Keyspace::Impl::Impl(Options options, const Clock& clock, Journal& journal, Store* store, Log& log)
    : options(options),
      clock(clock),
      journal(journal),
      store(store),
      log(log),
      due_time(clock.now()),
      shards(std::make_unique<Shard[]>(kShards)),
      due(std::make_unique<std::atomic<DueSlot>[]>(kShards)),
      active_expiry(options.active_expiry) {
  for (std::size_t i = 0; i < kShards; ++i) {
    shards[i].set_heap(*heap);
    due[i].store(kNeverDue, std::memory_order_relaxed);
  }
}

std::optional<std::size_t> Keyspace::Impl::database_of(DatabaseId id) const {
  const auto found = std::find(ids.begin(), ids.end(), id);
  if (found == ids.end()) return std::nullopt;
  return static_cast<std::size_t>(found - ids.begin());
}

// --- which database is which ---

void Keyspace::Impl::write_mapping(Journal::Unit& unit) const {
  std::string row(reinterpret_cast<const char*>(&next_id), sizeof next_id);
  row.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(DatabaseId));
  unit.put_meta(kMappingRow, row);
}

// The row: the next number to be given out, then each database's, little-endian.
Result<void> Keyspace::Impl::read_mapping() {
  if (store != nullptr) {
    const auto row = store->read(Column::meta, kMappingRow);
    if (!row) return row.error();
    if (*row) {
      if ((*row)->size() < 2 * sizeof(DatabaseId) || (*row)->size() % sizeof(DatabaseId) != 0) {
        return Error{Errc::damaged, "the list of databases on disk makes no sense"};
      }
      std::memcpy(&next_id, (*row)->data(), sizeof next_id);
      ids.resize((*row)->size() / sizeof(DatabaseId) - 1);
      std::memcpy(ids.data(), (*row)->data() + sizeof next_id, ids.size() * sizeof(DatabaseId));
    }
  }
  if (ids.size() >= options.databases) return {};
  while (ids.size() < options.databases) ids.push_back(next_id++);
  Journal::Unit unit(journal);
  write_mapping(unit);
  return {};
}

// --- what comes from disk ---

Entry* Keyspace::Impl::or_placeholder(Entry* loaded, std::string_view key, ValueType type) {
  if (loaded != nullptr) return loaded;
  Entry* const placeholder = Entry::make(*heap, key, 0);
  placeholder->set_type(type);
  return placeholder;
}

void Keyspace::Impl::install(DatabaseId id, std::string_view key, Entry* loaded, ValueType type,
                             Patience patience) {
  const std::uint64_t hash = hash_with(secret, key);
  Lock& lock = shard_of(hash).lock;
  loaded = or_placeholder(loaded, key, type);
  const bool locked =
      patience == Patience::while_open ? lock.lock_unless_closed() : lock.lock_unless_long();
  if (!locked) return release(loaded);
  const std::lock_guard guard(lock, std::adopt_lock);
  install_held(id, hash, loaded);
}

void Keyspace::Impl::install_held(DatabaseId id, std::uint64_t hash, Entry* loaded) {
  const std::size_t index = shard_index(hash);
  Shard& shard = shards[index];
  // What RAM knows is newer, and of a warm shard it knows everything: what is not there has been
  // deleted since this was read. And a database that was flushed meanwhile is gone.
  if (shard.warm || !alive(id) || shard.find(id, loaded->key(), hash)) {
    return release(loaded);
  }
  if (loaded->type() == ValueType::damaged) {
    damaged.fetch_add(1, std::memory_order_relaxed);
    settled.store(false, std::memory_order_release);
  }
  if (loaded->present()) this->loaded.fetch_add(1, std::memory_order_relaxed);
  file(index, shard.insert(id, loaded, hash));
}

void Keyspace::Impl::finish_warming() {
  std::vector<std::function<void()>> waiters;
  {
    std::lock_guard guard(warm_mutex);
    warm.store(true, std::memory_order_release);
    if (damaged.load() == 0) settled.store(true, std::memory_order_release);
    waiters.swap(warm_waiters);
  }
  // What was known not to be there need not be remembered any more.
  parts_generation.fetch_add(1, std::memory_order_release);
  for (const auto& ready : waiters) ready();
}

void Keyspace::Impl::release(Entry* entry) {
  if (LargeHash* const hash = entry->large_hash()) {
    entry->set_large_hash(nullptr);
    const std::lock_guard guard(garbage_mutex);
    garbage_bytes.fetch_add(hash->bytes(), std::memory_order_relaxed);
    garbage.emplace_back(hash);
    has_garbage.store(true, std::memory_order_release);
  }
  Entry::free(*heap, entry);
}

// --- the keyspace ---

Keyspace::Keyspace() = default;
Keyspace::~Keyspace() = default;

void Keyspace::set_encoding_limit(EncodingLimit limit, std::uint64_t value) {
  impl_->encoding_limits.set(limit, value);
}

void Keyspace::abandon() {
  impl_->loader.reset();
  impl_->cold_reader.reset();
  (void)impl_->shards.release();
  (void)impl_->heap.release();
}

Result<std::unique_ptr<Keyspace>> Keyspace::open(Options options, const Clock& clock,
                                                 Journal& journal, Store* store, Log& log) {
  std::unique_ptr<Keyspace> keyspace(new Keyspace());
  keyspace->impl_ = std::make_unique<Impl>(options, clock, journal, store, log);
  Impl& impl = *keyspace->impl_;
  Loader::Walks walks;
  std::unique_ptr<Cursor> cold_fields;
  if (store != nullptr) {
    // Before the first write: see Loader and ColdReader.
    for (auto [column, walk] :
         {std::pair{Column::records, &walks.records}, std::pair{Column::touches, &walks.touches},
          std::pair{Column::fields, &walks.fields}, std::pair{Column::fields, &cold_fields}}) {
      auto made = store->walk(column);
      if (!made) return made.error();
      *walk = std::move(*made);
    }
  }
  if (auto read = impl.read_mapping(); !read) return read.error();
  if (store == nullptr) return keyspace;

  impl.warm = false;
  impl.settled = false;
  for (std::size_t i = 0; i < Impl::kShards; ++i) impl.shards[i].warm = false;
  impl.cold_reader = std::make_unique<ColdReader>(
      *store, std::move(cold_fields), clock, *impl.heap, impl.encoding_limits,
      [&impl](const ColdReader::Wanted& wanted, Entry* entry, ValueType type) {
        impl.cold_reads.fetch_add(1, std::memory_order_relaxed);
        impl.install(wanted.id, wanted.key, entry, type, Impl::Patience::unless_long);
      },
      [&impl](const ColdReader::Wanted& wanted, Result<Entry*> value) {
        return impl.bring_back(wanted, std::move(value));
      },
      kColdReaderThreads);
  impl.loader = std::make_unique<Loader>(
      std::move(walks), clock, log, *impl.heap, impl.encoding_limits,
      [&impl] { return impl.over(impl.high_mark()); },
      [&impl](DatabaseId id, std::string_view key, Entry* entry, ValueType type) {
        impl.install(id, key, impl.without_value_if_full(entry), type, Impl::Patience::while_open);
      },
      [&impl](std::uint64_t collection) {
        Journal::Unit(impl.journal).erase_collection(collection);
      },
      [&impl](bool whole) {
        if (whole) impl.finish_warming();
      });
  return keyspace;
}

Key Keyspace::key(std::uint16_t database, std::string_view name) const {
  return {name, hash_with(impl_->secret, name), database};
}

void Keyspace::prefetch(std::span<const Key> keys) const {
  keys = keys.first(std::min(keys.size(), kPrefetchMax));
  Impl& impl = *impl_;
  for (const Key& key : keys) {
    const char* const shard = reinterpret_cast<const char*>(&impl.shard_of(key.hash));
    server::prefetch(shard);
    server::prefetch(shard + 64);
  }
  // What somebody else has is not worth waiting for.
  for (const Key& key : keys) {
    Shard& shard = impl.shard_of(key.hash);
    const std::unique_lock guard(shard.lock, std::try_to_lock);
    if (guard) shard.prefetch_bucket(impl.id_of(key.database), key.name, key.hash);
  }
  for (const Key& key : keys) {
    Shard& shard = impl.shard_of(key.hash);
    const std::unique_lock guard(shard.lock, std::try_to_lock);
    if (guard) shard.prefetch_entry(impl.id_of(key.database), key.name, key.hash);
  }
}

std::size_t Keyspace::databases() const { return impl_->options.databases; }
Journal& Keyspace::journal() { return impl_->journal; }
Tracking& Keyspace::tracking() { return impl_->tracking; }

KeyEvents& Keyspace::events() { return impl_->events; }
const Clock& Keyspace::clock() const { return impl_->clock; }
const std::shared_ptr<Watches>& Keyspace::watches() const { return impl_->watches; }

std::optional<std::size_t> Keyspace::size(std::uint16_t database, const Transaction* within) const {
  std::size_t keys = 0;
  for (std::size_t i = 0; i < Impl::kShards; ++i) {
    Shard& shard = impl_->shards[i];
    const ShardHold hold(shard, within);
    if (!hold) return std::nullopt;
    const ShardPart* const part = shard.part(impl_->id_of(database));
    if (part != nullptr) keys += part->table.size() - part->absent;
  }
  return keys;
}

JournalPosition Keyspace::flush(std::uint16_t database) {
  Transaction all(*this, Transaction::AllShards(), impl_->clock.now());
  CHECK(all.began());
  all.flush(database);
  return all.finish();
}

JournalPosition Keyspace::flush_all() {
  Transaction all(*this, Transaction::AllShards(), impl_->clock.now());
  CHECK(all.began());
  all.flush_all();
  return all.finish();
}

JournalPosition Keyspace::swap(std::uint16_t a, std::uint16_t b) {
  Transaction all(*this, Transaction::AllShards(), impl_->clock.now());
  CHECK(all.began());
  all.swap(a, b);
  return all.finish();
}

std::optional<std::uint64_t> Keyspace::scan(std::uint16_t database, std::uint64_t cursor,
                                            std::size_t count,
                                            const std::function<void(const Entry&)>& visit,
                                            const Transaction* within) const {
  const Time now = within != nullptr ? within->now() : impl_->clock.now();
  std::size_t index = (cursor >> kTagBits) & (Impl::kShards - 1);
  auto tag = static_cast<std::uint32_t>(cursor & (SlotTable::kTags - 1));
  const auto generation = static_cast<std::uint8_t>(cursor >> kGenerationShift);
  bool check_generation = tag != 0;
  std::size_t visited = 0;
  std::size_t buckets_left = std::max(kBucketsScannedMin, count);
  const std::size_t first = index;
  for (; index < Impl::kShards; ++index, tag = 0, check_generation = false) {
    Shard& shard = impl_->shards[index];
    const ShardHold hold(shard, within);
    if (!hold) [[unlikely]] {
      if (index == first) return std::nullopt;
      return std::uint64_t{index} << kTagBits;
    }
    // The order the cursor stands for is no more: this shard from its start again.
    if (check_generation && shard.generation != generation) tag = 0;
    const ShardPart* const part = shard.part(impl_->id_of(database));
    if (part == nullptr) continue;
    while (tag < SlotTable::kTags) {
      if (visited >= count || buckets_left-- == 0) {
        return std::uint64_t{shard.generation} << kGenerationShift | index << kTagBits | tag;
      }
      tag = part->table.visit_from<Entry>(tag, [&](const Entry& entry) {
        if (!entry.present() || entry.gone(now)) return;
        visit(entry);
        ++visited;
      });
    }
  }
  return 0;
}

std::size_t Keyspace::walk(std::uint16_t database, std::size_t shard, std::size_t count,
                           const std::function<void(const Entry&)>& visit,
                           const Transaction* within) const {
  const Time now = within != nullptr ? within->now() : impl_->clock.now();
  std::size_t looked_at = 0;
  for (; shard < Impl::kShards && looked_at < count; ++shard, ++looked_at) {
    Shard& current = impl_->shards[shard];
    const ShardHold hold(current, within);
    if (!hold) [[unlikely]]
      return shard;
    const ShardPart* const part = current.part(impl_->id_of(database));
    if (part == nullptr) continue;
    looked_at += part->table.size();
    part->table.visit_all<Entry>([&](const Entry& entry) {
      if (entry.present() && !entry.gone(now)) visit(entry);
    });
  }
  return shard < Impl::kShards ? shard : kNoShard;
}

std::uint64_t Keyspace::random_cursor() {
  return random_number() & ((std::uint64_t{1} << kGenerationShift) - 1);
}

bool Keyspace::random_key(std::uint16_t database, std::uint64_t& cursor,
                          std::optional<std::string>& chosen, const Transaction* within) const {
  std::uint64_t seen = 0;
  const auto choose = [&](const Entry& entry) {
    if (random_number() % ++seen == 0) chosen = std::string(entry.key());
  };
  const auto next = scan(database, cursor, 1, choose, within);
  cursor = next.value_or(cursor);
  return next.has_value();
}

bool Keyspace::warm() const { return impl_->warm.load(std::memory_order_acquire); }
bool Keyspace::settled() const { return impl_->settled.load(std::memory_order_acquire); }
std::uint64_t Keyspace::loaded() const { return impl_->loaded.load(std::memory_order_relaxed); }
std::uint64_t Keyspace::cold_reads() const {
  return impl_->cold_reads.load(std::memory_order_relaxed);
}

Keyspace::Resolved Keyspace::resolve(std::span<const Key> keys,
                                     std::function<void(std::optional<Error>)> ready) {
  if (impl_->settled.load(std::memory_order_acquire)) return Resolved::known;
  std::vector<ColdReader::Wanted> wanted;
  std::optional<Error> damaged;
  for (const Key& key : keys) {
    Shard& shard = impl_->shard_of(key.hash);
    if (!shard.lock.lock_unless_long()) return Resolved::held;
    const std::lock_guard guard(shard.lock, std::adopt_lock);
    const DatabaseId id = impl_->id_of(key.database);
    if (const Shard::Found found = shard.find(id, key.name, key.hash)) {
      if (found.entry()->type() == ValueType::damaged) {
        damaged = Error{Errc::damaged, "the record of this key on disk is damaged; see the log"};
      }
    } else if (!shard.warm && !warm()) {
      wanted.push_back({id, std::string(key.name)});
    }
  }
  if (wanted.empty() && !damaged) return Resolved::known;
  impl_->cold_reader->read(std::move(wanted), std::move(ready), std::move(damaged));
  return Resolved::later;
}

void Keyspace::when_let_go(std::function<void()> ready) {
  impl_->long_hold.when_let_go(std::move(ready));
}

void Keyspace::tell_waiting() { impl_->long_hold.tell_waiting(); }

void Keyspace::when_warm(std::function<void()> ready) {
  {
    const std::lock_guard guard(impl_->warm_mutex);
    if (!warm()) {
      impl_->warm_waiters.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

void Keyspace::set_active_expiry(bool on) { impl_->active_expiry = on; }

bool Keyspace::upkeep(std::size_t worker, std::size_t workers, std::chrono::microseconds budget) {
  const auto begin = std::chrono::steady_clock::now();
  const auto over = [&](auto time) { return std::chrono::steady_clock::now() >= begin + time; };
  const auto out_of_time = [&] { return over(budget); };
  // What leaves makes free what has to be given back. Whoever writes waits for it, so it has at
  // least a third of what a turn has for requests.
  const auto left_enough = [&] { return over(std::max(budget / 2, kSpillTimeMin)); };
  bool more = false;
  if (impl_->active_expiry) more = impl_->expire(*this, worker, workers, out_of_time);
  more = impl_->clean_up(worker, workers, out_of_time) || more;
  more = impl_->spill(worker, workers, left_enough) || more;
  more = impl_->make_way(worker, workers, out_of_time) || more;
  if (worker == 0 && impl_->has_garbage) more = impl_->drain_hashes() || more;
  return more;
}

}  // namespace sojourn::server
