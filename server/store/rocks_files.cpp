#include "server/store/rocks_files.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sojourn::server {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus make_private(const std::string& path) {
  if (::chmod(path.c_str(), 0600) == 0) return IOStatus::OK();
  return IOStatus::IOError("making " + path + " private", std::strerror(errno));
}

}  // namespace

class RocksFiles::OpenLog {
 public:
  explicit OpenLog(std::unique_ptr<rocksdb::FSWritableFile> file) : file_(std::move(file)) {}

  rocksdb::FSWritableFile* file() const { return file_.get(); }
  void appended(std::size_t bytes) { appended_.fetch_add(bytes, std::memory_order_release); }

  IOStatus sync() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t appended = appended_.load(std::memory_order_acquire);
    // RocksDB closes a log only when all of it is in synced tables, or is synced itself.
    if (closed_ || synced_ == appended) return IOStatus::OK();
    IOStatus status = file_->Sync({}, nullptr);
    if (status.ok()) synced_ = appended;
    return status;
  }
  IOStatus close(const IOOptions& options, IODebugContext* debug) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return file_->Close(options, debug);
  }

 private:
  const std::unique_ptr<rocksdb::FSWritableFile> file_;
  std::atomic<std::uint64_t> appended_{0};
  std::mutex mutex_;  // held while syncing, so that the descriptor stays open
  std::uint64_t synced_ = 0;
  bool closed_ = false;
};

class RocksFiles::LogFile : public rocksdb::FSWritableFileWrapper {
 public:
  LogFile(RocksFiles& files, LogPtr log)
      : FSWritableFileWrapper(log->file()), files_(files), log_(std::move(log)) {}
  ~LogFile() override { files_.remove_log(log_); }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return noted(target()->Append(data, options, debug), data);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return noted(target()->Append(data, options, verification, debug), data);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return log_->close(options, debug);
  }

 private:
  IOStatus noted(IOStatus status, const rocksdb::Slice& data) {
    if (status.ok()) log_->appended(data.size());
    return status;
  }

  RocksFiles& files_;
  const LogPtr log_;
};

IOStatus RocksFiles::sync_logs() {
  const std::lock_guard one_at_a_time(syncing_);
  std::vector<LogPtr> logs;
  std::set<std::string> directories;
  {
    const std::lock_guard lock(mutex_);
    logs = logs_;
    directories.swap(directories_);
  }
  for (const LogPtr& log : logs) {
    if (IOStatus status = log->sync(); !status.ok()) return status;
  }
  for (const std::string& path : directories) {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    IOStatus status = NewDirectory(path, {}, &directory, nullptr);
    if (status.ok()) status = directory->FsyncWithDirOptions({}, nullptr, {});
    if (!status.ok()) return status;
  }
  return IOStatus::OK();
}

RocksFiles::LogPtr RocksFiles::add_log(const std::string& path,
                                       std::unique_ptr<rocksdb::FSWritableFile> file) {
  auto log = std::make_shared<OpenLog>(std::move(file));
  const std::lock_guard lock(mutex_);
  logs_.push_back(log);
  directories_.insert(std::filesystem::path(path).parent_path().string());
  return log;
}

void RocksFiles::remove_log(const LogPtr& log) {
  const std::lock_guard lock(mutex_);
  std::erase(logs_, log);
}

IOStatus RocksFiles::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     IODebugContext* debug) {
  IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (status.ok()) status = make_private(path);
  if (!status.ok()) return status;
  if (path.ends_with(".log")) {
    *file = std::make_unique<LogFile>(*this, add_log(path, std::move(*file)));
  }
  return status;
}

IOStatus RocksFiles::LockFile(const std::string& path, const IOOptions& options,
                              rocksdb::FileLock** lock, IODebugContext* debug) {
  IOStatus status = target()->LockFile(path, options, lock, debug);
  if (!status.ok()) return status;
  status = make_private(path);
  if (!status.ok()) {
    target()->UnlockFile(*lock, options, debug).PermitUncheckedError();
    *lock = nullptr;
  }
  return status;
}

}  // namespace sojourn::server
