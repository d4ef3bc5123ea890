#include "server/store/rocks_events.h"

#include <rocksdb/db.h>
#include <rocksdb/metadata.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/rocks_status.h"

namespace sojourn::server {
namespace {

class RocksLogger : public rocksdb::Logger {
 public:
  explicit RocksLogger(Log& log) : log_(log) {}

  rocksdb::InfoLogLevel GetInfoLogLevel() const override {
    return log_.enabled(LogLevel::debug) ? rocksdb::InfoLogLevel::INFO_LEVEL
                                         : rocksdb::InfoLogLevel::WARN_LEVEL;
  }
  // Headers are the whole configuration, line by line, at every start.
  void LogHeader(const char*, va_list) override {}
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level == rocksdb::InfoLogLevel::HEADER_LEVEL || level < GetInfoLogLevel()) return;
    if (repeated(format)) return;
    char buffer[1024];  // a longer message is cut
    if (std::vsnprintf(buffer, sizeof buffer, format, arguments) < 0) return;
    std::string_view text(buffer);
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (level >= rocksdb::InfoLogLevel::WARN_LEVEL) {
      log_.warning("RocksDB: {}", text);
    } else {
      log_.debug("RocksDB: {}", text);
    }
  }

 protected:
  rocksdb::Status CloseImpl() override { return rocksdb::Status::OK(); }

 private:
  // Under load RocksDB warns of every stall, several times a second. One line of a kind in ten
  // seconds says it too; formats are literals, so their addresses tell them apart.
  bool repeated(const char* format) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (format == last_format_ && now < quiet_until_) return true;
    last_format_ = format;
    quiet_until_ = now + std::chrono::seconds(10);
    return false;
  }

  Log& log_;
  std::mutex mutex_;
  const char* last_format_ = nullptr;
  std::chrono::steady_clock::time_point quiet_until_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> make_rocks_logger(Log& log) {
  return std::make_shared<RocksLogger>(log);
}

std::optional<Error> RocksEvents::failure() const {
  if (!failed_.load(std::memory_order_acquire)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return failure_;
}

Error RocksEvents::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) {
    log_.warning("The store has failed and takes no more writes: {}", error.detail);
    failure_ = std::move(error);
    failed_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
  return *failure_;
}

void RocksEvents::wait_for_change(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most);
}

void RocksEvents::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) {
  Error ours = to_error(*error, "RocksDB's background work");
  if (ours.code == Errc::disk_full) {
    log_.warning("The disk is full; RocksDB tries again by itself: {}", ours.detail);
  } else {
    // RocksDB takes no writes either until it is opened again; it must not take it up by itself.
    fail({Errc::storage, std::move(ours.detail)});
  }
}

void RocksEvents::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) {
  if (info.new_bg_error.ok()) log_.notice("RocksDB takes writes again");
}

void RocksEvents::OnStallConditionsChanged(const rocksdb::WriteStallInfo&) {
  changed_.notify_all();
}

void SortedRunsWatch::count(rocksdb::DB& database) {
  std::vector<rocksdb::ColumnFamilyMetaData> columns;
  database.GetAllColumnFamilyMetaData(&columns);
  std::size_t most = 0;
  for (const auto& column : columns) {
    std::size_t runs = 0;
    for (const auto& level : column.levels) {
      runs += level.level == 0 ? level.files.size() : !level.files.empty();
    }
    most = std::max(most, runs);
  }
  pacing_.note_sorted_runs(most);
}

}  // namespace sojourn::server
