#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>

namespace sojourn::server {

// The machine's file system, whose disk fills up or breaks when a test says so.
class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  void set_full(bool full) { full_ = full; }                        // writes fail with "no space"
  void set_full_for_tables(bool full) { full_for_tables_ = full; }  // only for RocksDB's tables
  void set_writes_broken(bool broken) { writes_broken_ = broken; }  // with an I/O error
  void set_syncs_broken(bool broken) { syncs_broken_ = broken; }
  std::size_t syncs() const { return syncs_; }  // asked for, of files

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (full_ || (full_for_tables_ && path.ends_with(".sst"))) return no_space();
    const rocksdb::IOStatus status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(*this, std::move(*file));
    return status;
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->ReopenWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(*this, std::move(*file));
    return status;
  }
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 std::uint64_t* bytes, rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->GetFreeSpace(path, options, bytes, debug);
    if (full_ || full_for_tables_) *bytes = 0;
    return status;
  }

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(FaultyFileSystem& files, std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (files_.full_) {
        // As a disk does: what fits is written.
        const rocksdb::Slice part(data.data(), data.size() / 2);
        target()->Append(part, options, debug).PermitUncheckedError();
        return no_space();
      }
      if (files_.writes_broken_) return rocksdb::IOStatus::IOError("a broken disk, by the test");
      return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      ++files_.syncs_;
      if (files_.syncs_broken_) return rocksdb::IOStatus::IOError("a broken disk, by the test");
      return target()->Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      return Sync(options, debug);
    }

   private:
    FaultyFileSystem& files_;
  };

  static rocksdb::IOStatus no_space() {
    return rocksdb::IOStatus::NoSpace("a full disk, by the test");
  }

  std::atomic<bool> full_{false};
  std::atomic<bool> full_for_tables_{false};
  std::atomic<bool> writes_broken_{false};
  std::atomic<bool> syncs_broken_{false};
  std::atomic<std::size_t> syncs_{0};
};

}  // namespace sojourn::server
