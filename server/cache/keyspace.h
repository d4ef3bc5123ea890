#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/cache/encoding.h"
#include "server/cache/journal.h"
#include "server/cache/key.h"
#include "server/cache/key_events.h"
#include "server/cache/transaction.h"
#include "server/cache/watches.h"
#include "server/store/store.h"
#include "server/tracking/tracking.h"

namespace sojourn::server {

// All sessions in RAM: 2^12 shards by the high bits of a key's hash, each with one lock, and in
// each a table and a due list per database.
//
// Threading: any thread. Nothing here waits for a disk.
class Keyspace {
 public:
  struct Options {
    std::size_t databases = 16;
    bool active_expiry = true;
  };

  // All shards summed up, for INFO and the like.
  struct Totals {
    // Since the start (reset_stats()).
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t expired = 0;
    std::uint64_t expired_fields = 0;  // of hashes
    // Now.
    std::uint64_t entry_bytes = 0;  // what keys and values take, and what is not freed yet
    std::size_t away = 0;           // keys whose values are on disk only
    struct Database {
      std::size_t keys = 0;           // as size() counts them
      std::size_t with_deadline = 0;  // of them, those that have a deadline
    };
    std::vector<Database> databases;

    std::size_t keys() const;                // in all databases
    Totals& operator+=(const Totals& part);  // of as many databases
  };

  // `store` is null when nothing is kept on disk. Otherwise reads which database is which from it,
  // and starts warming: see warm().
  static Result<std::unique_ptr<Keyspace>> open(Options options, const Clock& clock,
                                                Journal& journal, Store* store, Log& log);
  ~Keyspace();
  // Before the process ends: ends the threads, and leaves what is in RAM to the system, which takes
  // it back at once. Nothing but the destructor may be called afterwards.
  void abandon();

  // For what is changed or loaded from now on.
  void set_encoding_limit(EncodingLimit limit, std::uint64_t value);

  Key key(std::uint16_t database, std::string_view name) const;
  // Has the processor fetch what looking these keys up and reading them will touch, of the first
  // kPrefetchMax only: more would push one another out of the nearest cache. Worth it well
  // before the first is used: each alone waits for memory two or three times, together they wait
  // once.
  static constexpr std::size_t kPrefetchMax = 32;
  void prefetch(std::span<const Key> keys) const;
  std::size_t databases() const;

  // --- whole databases ---
  // What is asked for `within` a transaction that holds all shards locks none of them itself, and
  // sees what the transaction has changed so far. Else it may meet a shard that somebody holds for
  // long (see Transaction::began()), and does not wait for that.

  // Keys, expired ones not yet removed too. Nothing when some shard is held for long.
  std::optional<std::size_t> size(std::uint16_t database,
                                  const Transaction* within = nullptr) const;
  // Each a transaction of its own; returns what a reply must wait for. Nobody may hold anything for
  // long.
  JournalPosition flush(std::uint16_t database);
  JournalPosition flush_all();
  JournalPosition swap(std::uint16_t a, std::uint16_t b);
  // Visits keys of about `count` live entries and returns where to go on, 0 at the end. A key there
  // from the first call to the last is visited at least once. Any number is a valid cursor. Cursors
  // stay below 2^53, for clients that hold numbers as doubles. One call looks at a bounded number
  // of entries, so it may visit none. Nothing may be changed, and no lock taken, within `visit`.
  // Ends before a shard that is held for long; nothing when that is the first.
  std::optional<std::uint64_t> scan(std::uint16_t database, std::uint64_t cursor, std::size_t count,
                                    const std::function<void(const Entry&)>& visit,
                                    const Transaction* within = nullptr) const;
  // Visits the live entries of whole shards, from this one on, until about `count` entries were
  // looked at; returns the shard to go on with, kNoShard at the end. A key that is there from the
  // first call to the last is visited once. As for scan(), nothing may be changed within `visit`.
  // Ends before a shard that is held for long, be it the first.
  static constexpr std::size_t kNoShard = ~std::size_t{0};
  std::size_t walk(std::uint16_t database, std::size_t shard, std::size_t count,
                   const std::function<void(const Entry&)>& visit,
                   const Transaction* within = nullptr) const;
  // Chooses some key among the next that a scan from `cursor` on meets, and moves the cursor on, to
  // 0 at the end. None if it meets none: go on from there. Start at random_cursor(). False, and the
  // cursor where it was, before a shard that is held for long.
  bool random_key(std::uint16_t database, std::uint64_t& cursor, std::optional<std::string>& chosen,
                  const Transaction* within = nullptr) const;
  static std::uint64_t random_cursor();

  // --- warming: while the store's records are still being loaded, a key may be on disk only ---
  bool warm() const;
  // resolve() has nothing to look for: no key is on disk only, or damaged there.
  bool settled() const;
  // For INFO: records loaded so far; keys that requests had read from disk, since reset_stats().
  std::uint64_t loaded() const;
  std::uint64_t cold_reads() const;
  enum class Resolved : std::uint8_t {
    known,  // in RAM, or known not to be there: a Transaction may be made with them
    later,  // they are read by the pool
    held,   // somebody holds one of them for long: ask again when_let_go()
  };
  // `later`: `ready` is called when they are read, from any thread, once; ask again then. On
  // failure it gets the error: the store cannot be read.
  Resolved resolve(std::span<const Key> keys, std::function<void(std::optional<Error>)> ready);
  // Calls `ready` once everything is loaded, from any thread; at once if it is.
  void when_warm(std::function<void()> ready);

  // --- more than fits into RAM (spilling.cpp) ---
  // When keys and values would take more than `bytes`, the values used longest ago leave RAM:
  // upkeep sees to it. 0: none leaves any more; what is away is away until it is asked for. Without
  // a store nothing ever leaves.
  void set_memory_limit(std::uint64_t bytes);
  bool spills() const;
  // Whether there is room for more, to who is about to put something in.
  enum class Room : std::uint8_t {
    enough,
    soon,  // values are leaving: ask again in a moment
    none,  // and none are left that could
  };
  Room room() const;
  // A value may be away: so who needs values asks his Transaction whether it lacks one.
  bool any_away() const;
  // Has the values of these keys that are away read by the pool, as resolve() does with keys; who
  // needs many does not lose the first while he waits for the last if they all stay for a while.
  // `known` when none is away now.
  Resolved bring_back(std::span<const Key> keys, std::chrono::seconds stay,
                      std::function<void(std::optional<Error>)> ready);
  // Reads what is away there and then, for DEBUG: an entry of its own, which `use` gets.
  std::optional<Error> with_value(const Entry& entry, std::uint16_t database,
                                  const std::function<void(const Entry&)>& use) const;
  // Has all values leave, whatever the limit, that can: of some shards from this one on. Returns
  // the one to go on with, kNoShard at the end. For DEBUG.
  std::size_t spill_all(std::size_t shard);
  // Since the start (reset_stats()): values that left RAM, and those that were read again.
  std::uint64_t spilled() const;
  std::uint64_t brought_back() const;

  // --- what somebody holds for long (a Growing Transaction) ---
  // Calls `ready` once it is let go, from any thread; at once if nothing is. For who tries again.
  void when_let_go(std::function<void()> ready);
  // Calls them now, though nothing was let go: they will be told something else.
  void tell_waiting();

  // --- upkeep, by workers, in small steps; worker w of n takes every n-th shard ---
  // Removes what has fallen due, gives back flushed databases' memory. Waits for nobody: what is
  // held it leaves for the next time.
  // Stops after about `budget` of time; true if there is more to do at once.
  bool upkeep(std::size_t worker, std::size_t workers, std::chrono::microseconds budget);
  // Whether upkeep has values leave now, which is not to be put off: writers may wait for the room.
  // For that worker.
  bool makes_room(std::size_t worker) const;
  void set_active_expiry(bool on);  // DEBUG SET-ACTIVE-EXPIRE

  const std::shared_ptr<Watches>& watches() const;  // for WatchedKey

  // Takes every shard's lock in turn, once: less than half a millisecond. Of shards that somebody
  // holds for long the figures are those of when he said so.
  Totals totals(const Transaction* within = nullptr) const;
  // The same, but nothing when somebody holds a shard just now and has not said so.
  std::optional<Totals> totals_at_once() const;
  // False when some shard is held for long: not all of them were reset.
  bool reset_stats(const Transaction* within = nullptr);
  std::size_t entry_bytes_of(const Entry& entry) const;  // MEMORY USAGE

  Journal& journal();
  KeyEvents& events();
  Tracking& tracking();
  const Clock& clock() const;

 private:
  friend class Transaction;
  Keyspace();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sojourn::server
