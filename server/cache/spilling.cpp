// More sessions than fit into RAM: values leave it, the coldest first, and are read again when they
// are asked for. A key stays, with all that is known of it but its value.
//
// Only what the store has already leaves: nothing is written for it. Rounds go through the shards
// and have those values leave that were used as long ago as the coldest quarter of the last few
// hundred they met. Keys are spread over the shards by chance, so that comes close to the coldest
// of all, and nothing has to be kept of the order in which values were used.

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include "server/base/check.h"
#include "server/base/prefetch.h"
#include "server/cache/keyspace_impl.h"

namespace sojourn::server {
namespace {

// Under one hold of a shard's lock: a few microseconds.
constexpr std::size_t kLookedAtAtOnce = 128;
constexpr std::size_t kFreedAtOnce = 256 * 1024;  // bytes; one value at least
constexpr std::size_t kMetMax = 512;
constexpr std::size_t kColderPart = 4;
// Less is not worth a disk read.
constexpr std::size_t kGainMin = 16;
// A round that finds less than this part of the limit has found nothing.
constexpr std::uint64_t kWorthARound = 256;
constexpr std::chrono::milliseconds kRestMin{100};
// Nor is less than this, when it was read back, a reason for a round, which costs milliseconds.
constexpr std::uint64_t kReadBackMin = 1024 * 1024;

// What would be free without the value; 0: it stays. When the fields of a timed hash are due must
// be known.
std::size_t gain(const Entry& entry) {
  if (!entry.present() || entry.away() || entry.timed()) return 0;
  const LargeHash* const hash = entry.large_hash();
  const std::size_t bytes = entry.bytes() + (hash != nullptr ? hash->bytes() : 0);
  const std::size_t away = Entry::bytes_away(entry);
  return bytes >= away + kGainMin ? bytes - away : 0;
}

}  // namespace

std::uint64_t Keyspace::Impl::bytes_in_use() const {
  return heap->used_bytes() + heap->malloc_bytes() + kShards * (sizeof(Shard) + sizeof(DueSlot));
}

std::uint64_t Keyspace::Impl::bytes_to_stay() const {
  const std::uint64_t in_use = bytes_in_use();
  return in_use - std::min(in_use, garbage_bytes.load(std::memory_order_relaxed));
}

// Values begin to leave before there is no room left, so that hardly anybody has to wait for it.
std::uint64_t Keyspace::Impl::high_mark() const {
  const std::uint64_t limit = memory_limit.load(std::memory_order_relaxed);
  return limit - limit / 32;
}

std::uint64_t Keyspace::Impl::low_mark() const {
  const std::uint64_t limit = memory_limit.load(std::memory_order_relaxed);
  return limit - limit / 16;
}

// --- leaving ---

bool Keyspace::Impl::spill(std::size_t worker, std::size_t workers,
                           const std::function<bool()>& out_of_time) {
  Sweep::Spill& spill = sweeps[worker].spill;
  if (spillers.load(std::memory_order_relaxed) != workers) spillers = workers;
  if (!over(spill.under_way ? low_mark() : high_mark())) {
    spill.under_way = false;
    spill.dry.store(false, std::memory_order_relaxed);
    return false;
  }
  if (!std::exchange(spill.under_way, true)) spill.left = 0;
  if (std::chrono::steady_clock::now() < spill.rests_until && bytes_to_stay() < spill.rests_below) {
    return false;
  }
  do {
    if (spill.left == 0) begin_round(spill, worker, workers);
    spill_some(spill, worker, workers);
    if (spill.left == 0 && !end_round(spill, workers)) return false;
    if (!over(low_mark())) return false;
  } while (!out_of_time());
  return true;
}

// What a shard may have that somebody holds, or that is on its way out.
std::uint64_t Keyspace::Impl::fair_share() const {
  return memory_limit.load(std::memory_order_relaxed) / kShards;
}

// From where the last one ended.
void Keyspace::Impl::begin_round(Sweep::Spill& spill, std::size_t worker, std::size_t workers) {
  spill.left = (kShards - worker + workers - 1) / workers;
  spill.could_leave = spill.freed = 0;
  spill.begun = std::chrono::steady_clock::now();
}

void Keyspace::Impl::spill_some(Sweep::Spill& spill, std::size_t worker, std::size_t workers) {
  if (spill.shard >= kShards) spill.shard = worker;
  Shard& shard = shards[spill.shard];
  bool more = false;
  // What somebody holds is left for the next round, which so comes however long he does.
  if (!shard.lock.lock_if_short()) {
    spill.could_leave += fair_share();
  } else {
    const std::lock_guard guard(shard.lock, std::adopt_lock);
    if (ShardPart* const part = shard.part_at(spill.part)) {
      more = true;
      look_at_some(spill, *part);
      let_leave(spill, shard, *part);
      if (spill.tag == SlotTable::kTags) {
        spill.tag = 0;
        ++spill.part;
      }
    }
  }
  for (Entry* const entry : spill.replaced) release(entry);
  spill.replaced.clear();
  if (more) return;
  spill.part = spill.tag = 0;
  spill.shard += workers;
  --spill.left;
}

// Gathers those that may leave, from where the round is on.
void Keyspace::Impl::look_at_some(Sweep::Spill& spill, ShardPart& part) {
  std::vector<Entry*>& some = spill.some;
  some.clear();
  const bool all_away = part.away + part.absent == part.table.size();
  const bool dead = !alive(part.id);
  if (dead && part.table.size() > 0) spill.could_leave += fair_share();
  if (all_away || dead) spill.tag = SlotTable::kTags;
  while (spill.tag < SlotTable::kTags && some.size() < kLookedAtAtOnce) {
    spill.tag = part.table.visit_from<Entry>(spill.tag, [&](Entry& entry) {
      server::prefetch(&entry);
      some.push_back(&entry);
    });
  }
  // Asked with the lock held: what of these was changed before has been appended.
  const std::uint64_t written = journal.written_version();
  const std::uint32_t now_s = Entry::seconds(clock.now());
  std::erase_if(some, [&](const Entry* entry) {
    const std::size_t bytes = gain(*entry);
    spill.could_leave += bytes;
    return bytes == 0 || entry->dirty() || entry->version() > written || entry->used_s() > now_s;
  });
}

// The colder ones of those.
void Keyspace::Impl::let_leave(Sweep::Spill& spill, Shard& shard, const ShardPart& part) {
  std::size_t freed = 0;
  for (Entry* const entry : spill.some) {
    spill.met_s.push_back(entry->used_s());
    if (entry->used_s() > spill.cold_s || freed >= kFreedAtOnce) continue;
    freed += gain(*entry);
    const Shard::Found found = shard.find(part.id, entry->key(), hash_with(secret, entry->key()));
    CHECK(found && found.entry() == entry);
    spill.replaced.push_back(shard.replace(found, Entry::make_away(*heap, *entry)));
  }
  if (spill.met_s.size() >= kMetMax) judge_what_is_cold(spill);
  if (spill.replaced.empty()) return;
  any_away.store(true, std::memory_order_release);
  spilled.fetch_add(spill.replaced.size(), std::memory_order_relaxed);
  spill.freed += freed;
}

void Keyspace::Impl::judge_what_is_cold(Sweep::Spill& spill) {
  if (spill.met_s.empty()) return;
  const auto colder =
      spill.met_s.begin() + static_cast<std::ptrdiff_t>(spill.met_s.size() / kColderPart);
  std::nth_element(spill.met_s.begin(), colder, spill.met_s.end());
  spill.cold_s = *colder;
  spill.met_s.clear();
}

// Values that are on their way to disk, or are to stay for a while, can leave soon: only when there
// are hardly any left at all is it that whoever needs room is refused. Then, too, rounds go on, but
// with long rests. False when there is nothing to do at once.
bool Keyspace::Impl::end_round(Sweep::Spill& spill, std::size_t workers) const {
  const std::uint64_t worth =
      memory_limit.load(std::memory_order_relaxed) / (kWorthARound * workers);
  judge_what_is_cold(spill);  // where there are few, nobody has yet
  const bool dry = spill.could_leave <= worth;
  spill.dry.store(dry, std::memory_order_relaxed);
  if (dry) {
    const auto now = std::chrono::steady_clock::now();
    spill.rests_until =
        now + std::max<std::chrono::steady_clock::duration>(kRestMin, 4 * (now - spill.begun));
    spill.rests_below = bytes_to_stay() + std::max(worth, kReadBackMin);
  }
  return !dry && spill.freed > worth;
}

// --- coming back ---

std::optional<Error> Keyspace::Impl::bring_back(const ColdReader::Wanted& wanted,
                                                Result<Entry*> value) {
  const std::uint64_t hash = hash_with(secret, wanted.key);
  Lock& lock = shard_of(hash).lock;
  if (!lock.lock_unless_long()) {
    if (value) release(*value);
    return std::nullopt;
  }
  const std::lock_guard guard(lock, std::adopt_lock);
  return bring_back_held(wanted, hash, std::move(value));
}

std::optional<Error> Keyspace::Impl::bring_back_held(const ColdReader::Wanted& wanted,
                                                     std::uint64_t hash, Result<Entry*> value) {
  Shard& shard = shards[shard_index(hash)];
  const Shard::Found found = shard.find(wanted.id, wanted.key, hash);
  // Whatever was read is that of an entry which is still away, and left when this was asked for:
  // every change of a record brings another version, or ends the entry.
  const bool wanted_still = found && alive(wanted.id) && found.entry()->away() &&
                            found.entry()->left_at() == wanted.left_at;
  const bool fits =
      wanted_still && value && (*value)->type() == found.entry()->type() && !(*value)->timed();
  if (fits) {
    (*value)->take_properties(*found.entry());
    (*value)->set_used(clock.now() + wanted.stays);
    release(shard.replace(found, *value));
    brought_back.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  if (value) release(*value);
  if (!wanted_still) return std::nullopt;
  return value ? Error{Errc::damaged, "the record is of another type than its key"}
               : std::optional(value.error());
}

Entry* Keyspace::Impl::without_value_if_full(Entry* loaded) {
  if (loaded == nullptr) return nullptr;
  if (gain(*loaded) != 0 && over(high_mark())) {
    Entry* const away = Entry::make_away(*heap, *loaded);
    release(loaded);
    loaded = away;
  }
  if (loaded->away()) any_away.store(true, std::memory_order_release);
  return loaded;
}

// --- the keyspace ---

void Keyspace::set_memory_limit(std::uint64_t bytes) {
  impl_->memory_limit.store(impl_->store != nullptr ? bytes : 0, std::memory_order_relaxed);
}

bool Keyspace::spills() const { return impl_->memory_limit.load(std::memory_order_relaxed) != 0; }

Keyspace::Room Keyspace::room() const {
  const std::uint64_t limit = impl_->memory_limit.load(std::memory_order_relaxed);
  if (limit == 0 || impl_->bytes_in_use() <= limit) return Room::enough;
  // Nobody waits for what may never be written.
  if (impl_->journal.state() != StorageState::ok) return Room::none;
  const auto sweeps = std::span(impl_->sweeps).first(impl_->spillers);
  const bool dry = !sweeps.empty() && std::all_of(sweeps.begin(), sweeps.end(), [](const auto& of) {
    return of.spill.dry.load(std::memory_order_relaxed);
  });
  return dry ? Room::none : Room::soon;
}

bool Keyspace::makes_room(std::size_t worker) const {
  return impl_->sweeps[worker].spill.under_way;
}

bool Keyspace::any_away() const { return impl_->any_away.load(std::memory_order_acquire); }
std::uint64_t Keyspace::spilled() const { return impl_->spilled.load(std::memory_order_relaxed); }
std::uint64_t Keyspace::brought_back() const {
  return impl_->brought_back.load(std::memory_order_relaxed);
}

Keyspace::Resolved Keyspace::bring_back(std::span<const Key> keys, std::chrono::seconds stay,
                                        std::function<void(std::optional<Error>)> ready) {
  std::vector<ColdReader::Wanted> wanted;
  for (const Key& key : keys) {
    Shard& shard = impl_->shard_of(key.hash);
    if (!shard.lock.lock_unless_long()) return Resolved::held;
    const std::lock_guard guard(shard.lock, std::adopt_lock);
    const DatabaseId id = impl_->id_of(key.database);
    const Shard::Found found = shard.find(id, key.name, key.hash);
    if (!found || !found.entry()->away()) continue;
    wanted.push_back(ColdReader::Wanted::value_of(id, *found.entry(), stay));
  }
  if (wanted.empty()) return Resolved::known;
  const auto same = [](const auto& a, const auto& b) { return a.id == b.id && a.key == b.key; };
  std::ranges::sort(wanted, {}, [](const auto& one) { return std::tie(one.id, one.key); });
  wanted.erase(std::unique(wanted.begin(), wanted.end(), same), wanted.end());
  impl_->cold_reader->read(std::move(wanted), std::move(ready));
  return Resolved::later;
}

std::size_t Keyspace::spill_all(std::size_t shard) {
  constexpr std::size_t kShardsAtOnce = 256;
  if (impl_->store == nullptr) return kNoShard;
  Impl::Sweep::Spill spill;
  spill.shard = shard;
  spill.left = kShardsAtOnce;
  while (spill.left > 0 && spill.shard < Impl::kShards) {
    spill.cold_s = std::numeric_limits<std::uint32_t>::max();
    impl_->spill_some(spill, 0, 1);
  }
  return spill.shard < Impl::kShards ? spill.shard : kNoShard;
}

std::optional<Error> Keyspace::with_value(const Entry& entry, std::uint16_t database,
                                          const std::function<void(const Entry&)>& use) const {
  if (!entry.away()) return use(entry), std::nullopt;
  const auto wanted = ColdReader::Wanted::value_of(impl_->id_of(database), entry);
  return impl_->cold_reader->read_away_now(
      wanted, [&](const ColdReader::Wanted&, Result<Entry*> value) -> std::optional<Error> {
        if (!value) return value.error();
        (*value)->take_properties(entry);
        use(**value);
        impl_->release(*value);
        return std::nullopt;
      });
}

}  // namespace sojourn::server
