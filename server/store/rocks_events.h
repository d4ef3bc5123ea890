#pragma once

#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "server/base/log.h"
#include "server/base/result.h"
#include "server/store/pacing.h"

namespace sojourn::server {

// RocksDB's warnings in the server's log. RocksDB's own info log would be a file in the data
// directory, and Debian's build aborts when it cannot be written. The log must outlive it.
std::shared_ptr<rocksdb::Logger> make_rocks_logger(Log& log);

// Whether the store can still be trusted, and what RocksDB says of its background work.
// Threading: any thread.
class RocksEvents : public rocksdb::EventListener {
 public:
  explicit RocksEvents(Log& log) : log_(log) {}

  // The failure after which nothing may be written any more, if there was one; the first one stays.
  std::optional<Error> failure() const;
  // Remembers it, and gives back the one that stays.
  Error fail(Error error);
  // Waits until RocksDB says that it takes writes differently, or for `at_most`.
  void wait_for_change(std::chrono::milliseconds at_most);

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override;
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override;

 private:
  Log& log_;
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::optional<Error> failure_;
  std::condition_variable changed_;
};

// Tells a pacing how many sorted runs compaction has before it. That must live as long.
class SortedRunsWatch : public rocksdb::EventListener {
 public:
  explicit SortedRunsWatch(Pacing& pacing) : pacing_(pacing) {}

  void OnFlushCompleted(rocksdb::DB* database, const rocksdb::FlushJobInfo&) override {
    count(*database);
  }
  void OnCompactionCompleted(rocksdb::DB* database, const rocksdb::CompactionJobInfo&) override {
    count(*database);
  }

 private:
  void count(rocksdb::DB& database);

  Pacing& pacing_;
};

}  // namespace sojourn::server
