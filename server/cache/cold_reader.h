#pragma once

#include <atomic>
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

// Turns a record, with its touch row if it has one, into an entry. `fields` walks Column::fields;
// used for large collections only. Fails with Errc::damaged, or as the store does, or with
// Errc::unavailable once `stopping` is set: a large collection can take seconds.
Result<Entry*> make_entry(std::string_view row_key, std::string_view row,
                          std::optional<std::string_view> touch_row, Cursor& fields,
                          const std::atomic<bool>& stopping, Time now, SlabHeap& heap,
                          const EncodingLimits& limits);

// A few threads that read single keys from the store for workers, which do not wait for a disk.
// Threading: any thread.
class ColdReader {
 public:
  struct Wanted {
    DatabaseId id;
    std::string key;
  };
  using Ready = std::function<void(std::optional<Error>)>;
  // Gets what was found: an entry, or nullptr and why not. Called by whoever reads.
  using Install = std::function<void(const Wanted&, Entry*, ValueType)>;

  // `fields`: a walk made before anything was written in this process; see RocksDB's vector
  // memtable.
  ColdReader(Store& store, std::unique_ptr<Cursor> fields, const Clock& clock, SlabHeap& heap,
             const EncodingLimits& limits, Install install, std::size_t threads);
  ~ColdReader();  // what is still wanted is not read, and its `ready` not called

  // Reads and installs all of these, then calls ready; with `error` at once if it is given.
  void read(std::vector<Wanted> wanted, Ready ready, std::optional<Error> error = {});
  // Reads one on the calling thread, which so waits for the disk.
  std::optional<Error> read_now(const Wanted& wanted, const Install& install);

 private:
  struct Job {
    std::vector<Wanted> wanted;
    Ready ready;
    std::optional<Error> error;
  };
  void run();

  Store& store_;
  const Clock& clock_;
  SlabHeap& heap_;
  const EncodingLimits& limits_;
  const Install install_;
  std::mutex fields_mutex_;
  std::unique_ptr<Cursor> fields_;  // guarded by fields_mutex_

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::atomic<bool> stopping_{false};  // changed under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sojourn::server
