#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/base/check.h"
#include "server/base/lock.h"
#include "server/cache/cold_reader.h"
#include "server/cache/encoding.h"
#include "server/cache/key_events.h"
#include "server/cache/keyspace.h"
#include "server/cache/large_hash.h"
#include "server/cache/loader.h"
#include "server/cache/long_hold.h"
#include "server/cache/shard.h"
#include "server/cache/watches.h"
#include "server/memory/evacuation.h"
#include "server/memory/slab_heap.h"

namespace sojourn::server {

// A shard's lock, unless the transaction has it anyway, or somebody holds it for long: then this is
// false.
class ShardHold {
 public:
  ShardHold(Shard& shard, const Transaction* within)
      : lock_(within == nullptr ? &shard.lock : nullptr),
        held_(lock_ == nullptr ? within->holds_all() : lock_->lock_unless_long()) {
    CHECK(held_ || lock_ != nullptr);
  }
  ~ShardHold() {
    if (held_ && lock_ != nullptr) lock_->unlock();
  }
  ShardHold(const ShardHold&) = delete;
  ShardHold& operator=(const ShardHold&) = delete;

  explicit operator bool() const { return held_; }

 private:
  Lock* const lock_;
  const bool held_;
};

// The rows of Column::fields that belong to what the entry holds: calls visit(collection) for each
// of the collections they are under.
template <class Visit>
void for_each_collection(const Entry& entry, Visit&& visit) {
  const std::uint64_t collection = entry.collection();
  if (collection == 0) return;
  visit(collection);
  if (entry.timed()) visit(deadlines_of(collection));
}

// What keyspace.cpp, transaction.cpp, upkeep.cpp and the loading of records share.
struct Keyspace::Impl {
  static constexpr int kShardBits = 14;
  static constexpr std::size_t kShards = std::size_t{1} << kShardBits;
  static constexpr std::size_t kWorkersMax = 256;

  Impl(Options options, const Clock& clock, Journal& journal, Store* store, Log& log);

  static std::size_t shard_index(std::uint64_t hash) { return hash >> (64 - kShardBits); }
  Shard& shard_of(std::uint64_t hash) { return shards[shard_index(hash)]; }

  // Which number a database has on disk. Changed only with every shard locked (by a Transaction
  // that holds them all), so whoever holds any one shard's lock may read it.
  DatabaseId id_of(std::uint16_t database) const { return ids[database]; }
  // And back; nothing for a database that was flushed.
  std::optional<std::size_t> database_of(DatabaseId id) const;
  bool alive(DatabaseId id) const { return database_of(id).has_value(); }
  void write_mapping(Journal::Unit& unit) const;
  Result<void> read_mapping();

  // Something in the shard may be due earlier than was known. Under the shard's lock.
  void lower_due(std::size_t shard, DueSlot due_slot) {
    if (due_slot < due[shard].load(std::memory_order_relaxed)) {
      due[shard].store(due_slot, std::memory_order_relaxed);
    }
  }
  // The deadlines of the entry found are as it says: files it. Under the shard's lock.
  void file(std::size_t shard, const Shard::Found& found) {
    file(shard, found, found.entry()->due());
  }
  void file(std::size_t shard, const Shard::Found& found, Time due_at) {
    if (due_at == kNever) return;
    const DueSlot slot = due_time.slot_of(due_at);
    found.place.lower_due(slot);
    found.part->due = std::min(found.part->due, slot);
    lower_due(shard, slot);
  }
  // Frees an entry; a large hash's fields go later, in small steps.
  void release(Entry* entry);

  // What the store has for a key comes into RAM, unless RAM knows better. `loaded` is null when the
  // store has nothing or cannot read it (`type` absent or damaged). Any thread but with no lock
  // held. Nothing happens when patience ends: the loader waits for who holds the shard for long,
  // who reads for a request comes again.
  enum class Patience : std::uint8_t { unless_long, while_open };
  void install(DatabaseId id, std::string_view key, Entry* loaded, ValueType type,
               Patience patience);
  // Under the shard's lock.
  void install_held(DatabaseId id, std::uint64_t hash, Entry* loaded);
  Entry* or_placeholder(Entry* loaded, std::string_view key, ValueType type);
  // The same of a value that was away, to the entry it has left. Under the shard's lock, or else
  // without any; then nothing happens while somebody holds the shard for long.
  std::optional<Error> bring_back(const ColdReader::Wanted& wanted, Result<Entry*> value);
  std::optional<Error> bring_back_held(const ColdReader::Wanted& wanted, std::uint64_t hash,
                                       Result<Entry*> value);
  // Every record has been installed.
  void finish_warming();

  // --- totals.cpp ---
  Totals no_totals() const;
  void add_totals(Shard& shard, Totals& totals) const;  // under its lock

  // --- upkeep.cpp ---
  struct alignas(64) Sweep {
    // A worker's way through its shards. Those that somebody held are come back to.
    struct Walk {
      std::size_t at = kShards;  // the next one
      std::vector<std::uint16_t> missed;

      void begin(std::size_t first) {
        at = first;
        missed.clear();
      }
      bool ended() const { return at >= kShards && missed.empty(); }
      void skip(std::size_t step) {
        missed.push_back(static_cast<std::uint16_t>(at));
        at += step;
      }
    };
    Walk parts;  // through those to be cleaned up
    std::uint64_t parts_generation = 0;
    Walk moved;  // and those to make way for the evacuation of this number
    std::uint64_t evacuation = 0;

    // Its rounds through its shards, to have values leave; see spilling.cpp.
    struct Spill {
      bool under_way = false;
      std::size_t shard = kShards;    // where it has got to,
      std::size_t part = 0;           // within the shard,
      std::uint32_t tag = 0;          // and within the part
      std::size_t left = 0;           // shards of this round
      std::uint64_t could_leave = 0;  // bytes, in this round so far, at most
      std::uint64_t freed = 0;
      std::uint32_t cold_s = 0;          // until then must a value have been used last to leave
      std::vector<std::uint32_t> met_s;  // when those were used that could leave, to know that
      std::chrono::steady_clock::time_point begun{};
      std::chrono::steady_clock::time_point rests_until{};
      std::uint64_t rests_below =
          0;                         // bytes in use: then there is something again that could leave
      std::vector<Entry*> some;      // scratch space
      std::vector<Entry*> replaced;  // to be freed without a lock
      // The last whole round found too little; for any thread.
      std::atomic<bool> dry{false};
    } spill;
  };
  // `keyspace` is whose this is.
  bool expire(Keyspace& keyspace, std::size_t worker, std::size_t workers,
              const std::function<bool()>& out_of_time);
  bool expire_shard(Keyspace& keyspace, std::size_t index, DueSlot slot, Time now);
  bool end_expired(std::size_t index, const std::vector<Shard::Expired>& expired);
  // A key as it can be found again when its entry is another.
  struct Named {
    std::string name;
    std::uint16_t database;
  };
  std::vector<Named> names_of(const std::vector<Shard::Expired>& entries) const;
  void expire_fields(Keyspace& keyspace, std::size_t shard, const std::vector<Named>& hashes,
                     Time now);
  void note_gone(DatabaseId id, std::string_view key, std::size_t shard);
  bool note_expired(const std::vector<Shard::Expired>& expired);
  std::vector<std::string> names_if_tracked(const std::vector<Shard::Expired>& expired) const;
  void tell_readers(const std::vector<std::string>& expired);
  bool clean_up(std::size_t worker, std::size_t workers, const std::function<bool()>& out_of_time);
  bool clean_shard(Shard& shard, std::size_t entries_max);
  // Does `step` with each shard of the walk until that is true, and leaves out those that somebody
  // holds. True when there is more to do at once.
  template <class Step>
  bool walk(Sweep::Walk& walk, std::size_t workers, const std::function<bool()>& out_of_time,
            Step&& step);
  bool make_way(std::size_t worker, std::size_t workers, const std::function<bool()>& out_of_time);
  bool drain_hashes();

  // --- spilling.cpp ---
  std::uint64_t bytes_in_use() const;
  // Without what is on its way out.
  std::uint64_t bytes_to_stay() const;
  bool over(std::uint64_t mark) const { return mark != 0 && bytes_to_stay() > mark; }
  std::uint64_t high_mark() const;
  std::uint64_t low_mark() const;
  bool spill(std::size_t worker, std::size_t workers, const std::function<bool()>& out_of_time);
  std::uint64_t fair_share() const;
  static void begin_round(Sweep::Spill& spill, std::size_t worker, std::size_t workers);
  void spill_some(Sweep::Spill& spill, std::size_t worker, std::size_t workers);
  void look_at_some(Sweep::Spill& spill, ShardPart& part);
  void let_leave(Sweep::Spill& spill, Shard& shard, const ShardPart& part);
  static void judge_what_is_cold(Sweep::Spill& spill);
  bool end_round(Sweep::Spill& spill, std::size_t workers) const;
  // The entry, or what stands for it where there is no room for its value.
  Entry* without_value_if_full(Entry* loaded);

  const Options options;
  const Clock& clock;
  Journal& journal;
  Store* const store;
  Log& log;
  const DueTime due_time;
  const HashSecret secret = make_hash_secret();

  Lock growing;  // held by the one transaction that may wait for shards while it holds some
  LongHold long_hold;

  EncodingLimits encoding_limits;
  std::unique_ptr<SlabHeap> heap = std::make_unique<SlabHeap>();
  Evacuation evacuation{*heap};
  std::unique_ptr<Shard[]> shards;
  std::unique_ptr<std::atomic<DueSlot>[]> due;  // per shard; dense, so that upkeep reads little
  std::vector<DatabaseId> ids;
  DatabaseId next_id = 1;

  std::atomic<bool> active_expiry;
  std::atomic<bool> warm{true};
  // Nothing can be on disk only, and nothing is damaged: resolve() need not look.
  std::atomic<bool> settled{true};
  KeyEvents events;
  Tracking tracking;
  std::atomic<std::uint64_t> expired_fields{0};
  std::atomic<std::uint64_t> loaded{0};
  std::atomic<std::uint64_t> cold_reads{0};
  std::atomic<std::uint64_t> damaged{0};
  std::atomic<std::uint64_t> memory_limit{0};
  std::atomic<std::size_t> spillers{0};  // workers that see to it
  std::atomic<bool> any_away{false};     // since the start
  std::atomic<std::uint64_t> spilled{0};
  std::atomic<std::uint64_t> brought_back{0};
  std::mutex warm_mutex;
  std::vector<std::function<void()>> warm_waiters;

  const std::shared_ptr<Watches> watches = std::make_shared<Watches>();  // see WatchedKey

  // Grows when parts may have to be given back; every worker then goes through its shards once.
  std::atomic<std::uint64_t> parts_generation{0};
  std::array<Sweep, kWorkersMax> sweeps;

  std::mutex garbage_mutex;
  std::vector<std::unique_ptr<LargeHash>> garbage;
  std::atomic<bool> has_garbage{false};
  std::atomic<std::uint64_t> garbage_bytes{0};

  // Last, so that their threads end first.
  std::unique_ptr<ColdReader> cold_reader;
  std::unique_ptr<Loader> loader;
};

}  // namespace sojourn::server
