#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "server/store/pacing.h"

namespace sojourn::server {

// The file system that RocksDB is given: another one, but that its new files are for their owner
// only, whatever the umask, that RocksDB never learns of a log that the disk has no room for, and
// that logs are synced from here instead of by DB::SyncWAL.
//
// Why: RocksDB 7.8 does not come back from such a log. If it cannot be begun it never writes again,
// and may fail an assertion when it is closed (DBImpl::ScheduleFlushes keeps references); if it
// cannot be written while no memtable has rows, it goes on with it and fails an assertion in the
// next write; syncing it fails for good. Debian's build has assertions on. So what a full disk does
// not take waits here, and the owner has it written by finish_logs() before RocksDB writes more.
//
// And whoever writes a table or deletes a file (a flush, a compaction) keeps to a pacing.
//
// Threading: any thread; finish_logs() on the thread that writes to the database. A log being
// written, begun or given up never waits for a sync; only closing one does, and going on after the
// disk was full.
class RocksFiles : public rocksdb::FileSystemWrapper {
 public:
  // Without a pacing nobody sleeps. It must live as long.
  explicit RocksFiles(std::shared_ptr<rocksdb::FileSystem> target, const Pacing* pacing = nullptr)
      : FileSystemWrapper(std::move(target)), pacing_(pacing) {}
  const char* Name() const override { return "SojournFiles"; }

  // Whether a log lacks what a full disk did not take: then the last DB::Write is not in it though
  // it returned OK, and no other may follow before finish_logs() has returned OK.
  bool unfinished() const { return unfinished_; }
  rocksdb::IOStatus finish_logs();

  // When it returns OK, everything in any log before the call is durable, there or because RocksDB
  // has it in its tables. The older log goes first, so that a power cut in between
  // leaves no newer change without the older ones.
  rocksdb::IOStatus sync_logs();

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  // Of tables, by flushes too.
  rocksdb::FileOptions OptimizeForCompactionTableWrite(
      const rocksdb::FileOptions& options,
      const rocksdb::ImmutableDBOptions& database) const override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LockFile(const std::string& path, const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock, rocksdb::IODebugContext* debug) override;

 private:
  class OpenLog;
  class LogFile;
  using LogPtr = std::shared_ptr<OpenLog>;  // owners: RocksDB's file, and a sync while it goes on

  void add_log(const LogPtr& log);
  void remove_log(const LogPtr& log);
  std::vector<LogPtr> logs();
  void created_in(const std::string& directory);

  const Pacing* const pacing_;
  std::atomic<bool> unfinished_{false};
  std::mutex syncing_;                 // one sync at a time, so that each waits for what it claims
  std::mutex mutex_;                   // guards what follows; never held while a disk is waited for
  std::vector<LogPtr> logs_;           // the oldest first
  std::set<std::string> directories_;  // have logs whose names are not durable yet
};

}  // namespace sojourn::server
