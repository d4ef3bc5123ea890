#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/store.h"

namespace rocksdb {
class FileSystem;
}

namespace sojourn::server {

// The store in service: RocksDB in a data directory of its own. See server/store/README.md.
//
// Reading: a look-up in records or touches of a key that was written since the store was opened
// costs a copy and a sort of what was written since; so does a walk over them, unless it was begun
// before the first write. The cache reads neither.
// Failing: after the first Errc::storage from write() or sync(), or from work in the background,
// every write() and sync() fails with it; reads go on.
class RocksStore : public Store {
 public:
  struct Options {
    std::string directory;
    // The server's other files (log, pid file, socket, ...): any of them may lie in the directory.
    std::vector<std::string> own_files;
    // Serve what is left when changes that were durable are missing.
    bool accept_data_loss = false;
    // Memtables and block cache together.
    std::size_t memory_bytes = 192u * 1024 * 1024;
    int background_jobs = 2;
    std::chrono::milliseconds watermark_interval{1000};
    // write() with Stall::wait gives up with Errc::unavailable when RocksDB takes nothing for so
    // long.
    std::chrono::milliseconds stall_patience{10'000};
    // In place of the machine's, for tests.
    std::shared_ptr<rocksdb::FileSystem> file_system;
  };

  // Errc::locked: another process holds the directory. Errc::foreign: it is not ours, or of a newer
  // format. Errc::damaged: what is there does not fit together, or durable changes are missing (and
  // accept_data_loss is not set). The detail is for the operator. The log must outlive the store.
  static Result<std::unique_ptr<RocksStore>> open(const Options& options, Log& log);
  // Makes the directory as open() does, for those of the server's files that are there before.
  static Result<void> make_directory(const Options& options);
  // Quick: what is not flushed is in RocksDB's log. Batches and cursors must be gone.
  ~RocksStore() override;

  std::unique_ptr<Batch> make_batch() override;
  Result<StoreSequence> write(Batch& batch, Stall stall) override;
  void prepare() override;
  Result<void> sync() override;
  Result<std::optional<std::string>> read(Column column, std::string_view key) override;
  Result<std::unique_ptr<Cursor>> walk(Column column) override;
  StoreSequence sequence() const override;
  std::uint64_t memory_bytes() const override;
  void describe(
      const std::function<void(std::string_view, std::string_view)>& figure) const override;

  // The highest time ever noted, by earlier processes too; Time{} when it is not known. A clock
  // that starts below it is wrong. Threading: any thread.
  Time highest_time_seen() const;
  // Called about once a second.
  void note_time(Time now);

 private:
  struct Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sojourn::server
