#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/base/result.h"
#include "server/cache/encoding.h"
#include "server/cache/entry.h"
#include "server/memory/slab_heap.h"
#include "server/store/record.h"
#include "server/store/store.h"

namespace sojourn::server {

// The fields of a large collection: read them, or have what it holds be away; those that have
// deadlines are read nevertheless.
enum class LargeFields : bool { read, away };

// Turns a record, with its touch row if it has one, into an entry. `fields` walks Column::fields;
// used for large collections only. Fails with Errc::damaged, or as the store does, or with
// Errc::unavailable once `stopping` is set: a large collection can take seconds.
Result<Entry*> make_entry(std::string_view row_key, std::string_view row,
                          std::optional<std::string_view> touch_row, Cursor& fields,
                          const std::atomic<bool>& stopping, Time now, SlabHeap& heap,
                          const EncodingLimits& limits, LargeFields large = LargeFields::read);

// A few threads that read single keys from the store for workers, which do not wait for a disk. One
// of them reads the large collections, so that nobody who wants a small session waits behind one.
// Threading: any thread.
class ColdReader {
 public:
  struct Wanted {
    DatabaseId id;
    std::string key;
    // Not 0: the key is known, but its value is away; see Entry::left_at() and collection().
    std::uint64_t left_at = 0;
    std::uint64_t collection = 0;
    bool field_changed = false;     // since its record was written
    std::chrono::seconds stays{0};  // for so long it is not to leave again

    // That of an entry which is away.
    static Wanted value_of(DatabaseId id, const Entry& entry, std::chrono::seconds stays = {}) {
      return {id,
              std::string(entry.key()),
              entry.left_at(),
              entry.collection(),
              entry.changed_field() != 0,
              stays};
    }
  };
  using Ready = std::function<void(std::optional<Error>)>;
  // Gets what was found: an entry, or nullptr and why not. Called by whoever reads.
  using Install = std::function<void(const Wanted&, Entry*, ValueType)>;
  // Gets what was away, or why it cannot be read, and says what to tell who waits for it: nothing
  // is wrong with what is not away any more.
  using BringBack = std::function<std::optional<Error>(const Wanted&, Result<Entry*>)>;

  // `fields`: a walk made before anything was written in this process, for keys that are not known.
  ColdReader(Store& store, std::unique_ptr<Cursor> fields, const Clock& clock, SlabHeap& heap,
             const EncodingLimits& limits, Install install, BringBack bring_back,
             std::size_t threads);
  ~ColdReader();  // what is still wanted is not read, and its `ready` not called

  // Reads and installs all of these, then calls ready; with `error` at once if it is given.
  void read(std::vector<Wanted> wanted, Ready ready, std::optional<Error> error = {});
  // Read one on the calling thread, which so waits for the disk.
  std::optional<Error> read_now(Wanted wanted, const Install& install) {
    return read_unknown(wanted, install, true);
  }
  std::optional<Error> read_away_now(const Wanted& wanted, const BringBack& bring_back);

 private:
  // Whoever wants many lets others read in between.
  static constexpr std::size_t kKeysAtOnce = 16;
  struct Job {
    std::vector<Wanted> wanted;
    Ready ready;
    std::optional<Error> error;
    std::size_t next = 0;  // of `wanted`
  };
  struct Queue {
    std::condition_variable wake;
    std::deque<Job> jobs;
    std::size_t asleep = 0;  // threads that wait for jobs
    std::size_t woken = 0;   // of those, on their way
  };
  void put(Job job);
  void run(Queue& queue);
  bool read_some(Job& job, bool large);
  std::optional<Error> read_unknown(Wanted& wanted, const Install& install, bool large);
  Result<Entry*> read_away(const Wanted& wanted);
  Result<Entry*> read_large_away(const Wanted& wanted, const Record& record);

  Store& store_;
  const Clock& clock_;
  SlabHeap& heap_;
  const EncodingLimits& limits_;
  const Install install_;
  const BringBack bring_back_;
  std::mutex fields_mutex_;
  std::unique_ptr<Cursor> fields_;  // guarded by fields_mutex_

  std::mutex mutex_;
  Queue small_;
  Queue large_;                        // the next one that is wanted is large
  std::atomic<bool> stopping_{false};  // changed under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sojourn::server
