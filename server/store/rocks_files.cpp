#include "server/store/rocks_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace sojourn::server {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Hands over what is to be written in pieces, so that who writes a large value can give way, too.
template <class Append>
IOStatus in_pieces(const rocksdb::Slice& data, PacedWork& work, Append append) {
  constexpr std::size_t kPiece = 256 * 1024;
  IOStatus status;
  for (std::size_t at = 0; at < data.size() && status.ok(); at += kPiece) {
    work.give_way();
    status = append(rocksdb::Slice(data.data() + at, std::min(kPiece, data.size() - at)));
  }
  return status;
}

// A table being written by one of RocksDB's threads.
class TableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  TableFile(std::unique_ptr<rocksdb::FSWritableFile> file, const Pacing* pacing)
      : FSWritableFileOwnerWrapper(std::move(file)),
        pacing_(pacing),
        work_(std::in_place, pacing, Pacing::Work::compaction) {}

  // Which is the only thing that tells whose it is, before anything is written.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override {
    target()->SetIOPriority(priority);
    if (priority == rocksdb::Env::IO_HIGH) work_.emplace(pacing_, Pacing::Work::flush);
    if (priority == rocksdb::Env::IO_USER)
      work_.emplace(nullptr, Pacing::Work::flush);  // writes wait
  }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return in_pieces(data, *work_, [&](const rocksdb::Slice& piece) {
      return target()->Append(piece, options, debug);
    });
  }
  // Nobody asks for verification (DBOptions::checksum_handoff_file_types).
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }

 private:
  const Pacing* const pacing_;
  std::optional<PacedWork> work_;
};

// Takes a file that is to be deleted out of the kernel's cache in small steps. It tries only: what
// is left goes with the file.
void forget_pages(rocksdb::FileSystem& files, const std::string& path, PacedWork work) {
  constexpr std::size_t kStep = 1024 * 1024;
  std::uint64_t size = 0;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  if (!files.GetFileSize(path, {}, &size, nullptr).ok() || size <= kStep) return;
  if (!files.NewRandomAccessFile(path, {}, &file, nullptr).ok()) return;
  for (std::uint64_t at = 0; at < size; at += kStep) {
    file->InvalidateCache(at, kStep).PermitUncheckedError();
    work.give_way();
  }
}

IOStatus make_private(const std::string& path) {
  if (::chmod(path.c_str(), 0600) == 0) return IOStatus::OK();
  return IOStatus::IOError("making " + path + " private", std::strerror(errno));
}

}  // namespace

class RocksFiles::OpenLog {
 public:
  OpenLog(RocksFiles& files, std::string path, const rocksdb::FileOptions& options)
      : files_(files), path_(std::move(path)), options_(options) {
    create().PermitUncheckedError();  // else finish() tries again
  }

  // For the thread that writes; nothing before the file is created.
  rocksdb::FSWritableFile* file() const { return file_.get(); }

  IOStatus append(const rocksdb::Slice& data) {
    if (waiting_.empty() && file_) {
      IOStatus status = write(data);
      if (!status.IsNoSpace()) return status;
    }
    waiting_.append(data.data(), data.size());
    files_.unfinished_ = true;
    return IOStatus::OK();
  }
  IOStatus finish() {
    if (waiting_.empty()) return IOStatus::OK();
    const std::lock_guard lock(mutex_);
    IOStatus status = IOStatus::OK();
    // RocksDB closes a log only when all of it is in synced tables, or is synced itself.
    if (!closed_) {
      if (!file_) status = create();
      if (status.ok() && torn_) status = reopen();
      if (status.ok()) status = write(waiting_);
    }
    if (status.ok()) waiting_ = {};
    return status;
  }

  IOStatus sync() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t appended = appended_.load(std::memory_order_acquire);
    if (closed_ || synced_ == appended) return IOStatus::OK();
    IOStatus status = file_->Sync({}, nullptr);
    if (status.ok()) synced_ = appended;
    return status;
  }
  IOStatus close(const IOOptions& options, IODebugContext* debug) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return file_ ? file_->Close(options, debug) : IOStatus::OK();
  }
  // A hint, not worth waiting for a sync.
  IOStatus range_sync(std::uint64_t offset, std::uint64_t bytes, const IOOptions& options,
                      IODebugContext* debug) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || !file_) return IOStatus::OK();
    return file_->RangeSync(offset, bytes, options, debug);
  }

 private:
  IOStatus write(const rocksdb::Slice& data) {
    IOStatus status = file_->Append(data, {}, nullptr);
    if (status.ok()) {
      appended_.fetch_add(data.size(), std::memory_order_release);
    } else {
      torn_ = true;
    }
    return status;
  }
  IOStatus create() {
    IOStatus status = files_.target()->NewWritableFile(path_, options_, &file_, nullptr);
    if (status.ok()) status = make_private(path_);
    if (!status.ok()) {
      file_.reset();
      return status;
    }
    files_.created_in(std::filesystem::path(path_).parent_path().string());
    return status;
  }
  // Without what a full disk did take of the last append. The file counts only whole appends, so
  // that one that went on would lose its end when it is closed.
  IOStatus reopen() {
    IOStatus status = file_->Truncate(appended_, {}, nullptr);
    if (!status.ok()) return status;
    std::unique_ptr<rocksdb::FSWritableFile> again;
    status = files_.target()->ReopenWritableFile(path_, options_, &again, nullptr);
    if (!status.ok()) return status;
    status = file_->Close({}, nullptr);
    if (!status.ok()) return status;
    file_ = std::move(again);
    torn_ = false;
    return status;
  }

  RocksFiles& files_;
  const std::string path_;
  const rocksdb::FileOptions options_;
  std::string waiting_;                     // appended by RocksDB, but not to the file
  bool torn_ = false;                       // the file may have a part of what waits at its end
  std::atomic<std::uint64_t> appended_{0};  // to the file
  std::mutex mutex_;                        // held while syncing, so that the descriptor stays open
  std::unique_ptr<rocksdb::FSWritableFile> file_;  // replaced by the thread that writes, locked
  std::uint64_t synced_ = 0;
  bool closed_ = false;
};

class RocksFiles::LogFile : public rocksdb::FSWritableFile {
 public:
  LogFile(RocksFiles& files, LogPtr log) : files_(files), log_(std::move(log)) {
    files_.add_log(log_);
  }
  ~LogFile() override { files_.remove_log(log_); }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
    return log_->append(data);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions&,
                  const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return log_->append(data);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return log_->sync(); }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return log_->close(options, debug);
  }
  void SetWriteLifeTimeHint(rocksdb::Env::WriteLifeTimeHint hint) override {
    if (auto* file = log_->file()) file->SetWriteLifeTimeHint(hint);
  }
  void SetPreallocationBlockSize(std::size_t bytes) override {
    if (auto* file = log_->file()) file->SetPreallocationBlockSize(bytes);
  }
  void PrepareWrite(std::size_t offset, std::size_t bytes, const IOOptions& options,
                    IODebugContext* debug) override {
    if (auto* file = log_->file()) file->PrepareWrite(offset, bytes, options, debug);
  }
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t bytes, const IOOptions& options,
                     IODebugContext* debug) override {
    return log_->range_sync(offset, bytes, options, debug);
  }

 private:
  RocksFiles& files_;
  const LogPtr log_;
};

IOStatus RocksFiles::finish_logs() {
  if (!unfinished_) return IOStatus::OK();
  for (const LogPtr& log : logs()) {
    if (IOStatus status = log->finish(); !status.ok()) return status;
  }
  unfinished_ = false;
  return IOStatus::OK();
}

IOStatus RocksFiles::sync_logs() {
  const std::lock_guard one_at_a_time(syncing_);
  for (const LogPtr& log : logs()) {
    if (IOStatus status = log->sync(); !status.ok()) return status;
  }
  std::set<std::string> directories;
  {
    const std::lock_guard lock(mutex_);
    directories.swap(directories_);
  }
  for (const std::string& path : directories) {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    IOStatus status = NewDirectory(path, {}, &directory, nullptr);
    if (status.ok()) status = directory->FsyncWithDirOptions({}, nullptr, {});
    if (!status.ok()) return status;
  }
  return IOStatus::OK();
}

void RocksFiles::add_log(const LogPtr& log) {
  const std::lock_guard lock(mutex_);
  logs_.push_back(log);
}

void RocksFiles::remove_log(const LogPtr& log) {
  const std::lock_guard lock(mutex_);
  std::erase(logs_, log);
}

std::vector<RocksFiles::LogPtr> RocksFiles::logs() {
  const std::lock_guard lock(mutex_);
  return logs_;
}

void RocksFiles::created_in(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  directories_.insert(directory);
}

IOStatus RocksFiles::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     IODebugContext* debug) {
  if (path.ends_with(".log")) {
    *file = std::make_unique<LogFile>(*this, std::make_shared<OpenLog>(*this, path, options));
    return IOStatus::OK();
  }
  IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (status.ok()) status = make_private(path);
  if (!status.ok()) return status;
  if (path.ends_with(".sst")) *file = std::make_unique<TableFile>(std::move(*file), pacing_);
  return status;
}

rocksdb::FileOptions RocksFiles::OptimizeForCompactionTableWrite(
    const rocksdb::FileOptions& options, const rocksdb::ImmutableDBOptions& database) const {
  rocksdb::FileOptions optimized = target()->OptimizeForCompactionTableWrite(options, database);
  // Who writes a table gives way only when a buffer is full. Not for logs: with a smaller buffer
  // RocksDB meets an assertion of its own once the disk was full.
  optimized.writable_file_max_buffer_size = 64 * 1024;
  return optimized;
}

IOStatus RocksFiles::DeleteFile(const std::string& path, const IOOptions& options,
                                IODebugContext* debug) {
  forget_pages(*target(), path, PacedWork(pacing_, Pacing::Work::flush));
  return target()->DeleteFile(path, options, debug);
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
