#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace sojourn::server {

// The file system that RocksDB is given: another one, but that its new files are for their owner
// only, whatever the umask, and that its logs are synced from here instead of by DB::SyncWAL.
//
// Why: when the disk is full and a write to the log has failed, SyncWAL on that log fails too, for
// good, and in Debian's build an assertion ends the process if the log was never synced before. A
// plain fdatasync keeps what was acknowledged durable even then.
//
// Threading: any thread. A log being written, begun or given up never waits for a sync; only
// closing one does.
class RocksFiles : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "SojournFiles"; }

  // When it returns OK, everything appended to any log before the call is durable, in the log or
  // because RocksDB has it in its tables. The older log goes first, so that a power cut in between
  // leaves no newer change without the older ones.
  rocksdb::IOStatus sync_logs();

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LockFile(const std::string& path, const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock, rocksdb::IODebugContext* debug) override;

 private:
  class OpenLog;
  class LogFile;
  using LogPtr = std::shared_ptr<OpenLog>;  // owners: RocksDB's file, and a sync while it goes on

  LogPtr add_log(const std::string& path, std::unique_ptr<rocksdb::FSWritableFile> file);
  void remove_log(const LogPtr& log);

  std::mutex syncing_;                 // one sync at a time, so that each waits for what it claims
  std::mutex mutex_;                   // guards what follows; never held while a disk is waited for
  std::vector<LogPtr> logs_;           // the oldest first
  std::set<std::string> directories_;  // have logs whose names are not durable yet
};

}  // namespace sojourn::server
