#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/store.h"

namespace sojourn::server {

// What must be there when the store is opened again: RocksDB's recovery stops without a word at a
// damaged log, and this is how the missing rest is noticed. Both are lower bounds: an older
// watermark is true too.
struct Watermark {
  StoreSequence sequence = 0;  // the last that was made durable
  Time time{};                 // the highest the clock has shown
};

std::string encode_watermark(const Watermark& watermark);
// nullopt when it is damaged.
std::optional<Watermark> decode_watermark(std::string_view text);

enum class WatermarkFile : std::uint8_t { found, missing, damaged };
struct FoundWatermark {
  WatermarkFile file = WatermarkFile::missing;
  Watermark watermark;
};
Result<FoundWatermark> read_watermark(rocksdb::FileSystem& files, const std::string& directory);

// Keeps the file up to date from a thread of its own, so that no sync waits for it: at most once an
// interval, and at the end.
//
// Threading: any thread. The file system and the log must outlive it.
class WatermarkKeeper {
 public:
  // Writes the first file before it returns.
  static Result<std::unique_ptr<WatermarkKeeper>> start(rocksdb::FileSystem& files,
                                                        std::string directory, Watermark first,
                                                        std::chrono::milliseconds interval,
                                                        Log& log);
  ~WatermarkKeeper();

  void note_durable(StoreSequence sequence);
  void note_time(Time time);
  Time highest_time() const { return from_unix_ms(time_ms_.load(std::memory_order_relaxed)); }
  StoreSequence durable() const { return sequence_.load(std::memory_order_relaxed); }

 private:
  WatermarkKeeper(rocksdb::FileSystem& files, std::string directory, Watermark first, Log& log);
  Result<void> write(const Watermark& watermark);
  Watermark current() const { return {durable(), highest_time()}; }
  void keep(std::chrono::milliseconds interval);
  void write_or_complain(const Watermark& watermark);

  rocksdb::FileSystem& files_;
  const std::string directory_;
  Log& log_;
  std::atomic<StoreSequence> sequence_;
  std::atomic<std::int64_t> time_ms_;

  std::mutex mutex_;
  std::condition_variable stop_wanted_;
  bool stopping_ = false;  // guarded by mutex_

  Watermark written_;        // the keeping thread's
  bool complained_ = false;  // the keeping thread's
  std::thread thread_;
};

}  // namespace sojourn::server
