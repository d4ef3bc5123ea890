#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "server/cache/ending_thread.h"
#include "server/cache/journal.h"
#include "server/cache/journal_progress.h"
#include "server/cache/reserved_numbers.h"

namespace sojourn::server {

// Collects changes into batches and writes them, one thread at a time: who holds the writer's
// place. The place is taken and left under mutex_, and left only when nothing is pending, so no
// change is forgotten. A worker who should not go on passes it to the committer.
class Journal::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Store* store, Options options, Log* log)
      : store_(store),
        options_(options),
        log_(log),
        versions_("next_version", options.next_version),
        collections_("next_collection", options.next_collection),
        progress_(store, options, log) {
    if (store_ != nullptr) current_ = begin_batch();
  }

  Result<void> restore();
  void start();
  void reserve_numbers();
  Stopped stop();

  // For a Unit. The lock is empty when nothing is kept on disk; batch_for_unit() and unit_ended()
  // are called with it held.
  std::unique_lock<std::mutex> lock() {
    return store_ == nullptr ? std::unique_lock<std::mutex>() : std::unique_lock(mutex_);
  }
  Batch* batch_for_unit() {
    if (progress_.state() == StorageState::failed) return nullptr;
    if (current_->bytes() > kBatchBytesMax) close_current();
    return current_.get();
  }
  void unit_ended() {
    appended_.store(appended() + 1, std::memory_order_release);
    current_bytes_.store(current_->bytes(), std::memory_order_relaxed);
  }
  std::uint64_t next_version(Batch* batch) { return versions_.next(batch, options_.reserve_step); }
  std::uint64_t next_collection(Batch* batch) {
    return collections_.next(batch, options_.reserve_step);
  }

  void end_turn();
  void commit_soon();
  std::future<bool> flush();

  bool keeps() const { return store_ != nullptr; }
  std::uint64_t written_version() const;
  JournalPosition appended() const { return appended_.load(std::memory_order_acquire); }
  std::size_t pending_bytes() const {
    return closed_bytes_.load(std::memory_order_acquire) +
           current_bytes_.load(std::memory_order_relaxed);
  }
  bool over_budget() const {
    return pending_bytes() > options_.bytes_budget && progress_.state() != StorageState::failed;
  }
  JournalProgress& progress() { return progress_; }

 private:
  // A batch is closed at this size: its memory grows by copying, under the journal's lock.
  static constexpr std::size_t kBatchBytesMax = 512 * 1024;

  enum class Writer : std::uint8_t { nobody, worker, committer };
  enum class Wrote : std::uint8_t { yes, not_yet, never };
  struct Closed {
    std::unique_ptr<Batch> batch;
    JournalPosition position = 0;  // of its last unit
    std::uint64_t version = 0;     // the last one given out until then
    std::size_t bytes = 0;
  };

  std::unique_ptr<Batch> begin_batch();
  void close_current();
  bool pending() const { return writing_.batch || appended() != taken_.load(); }
  bool is_small() const {
    return !writing_.batch && closed_.empty() && current_->bytes() <= options_.inline_bytes_max;
  }
  bool take();
  Wrote write_taken(std::unique_lock<std::mutex>& lock, Store::Stall stall);
  void pass_to_committer(std::unique_lock<std::mutex>& lock);
  void commit_loop();
  bool write_all(std::unique_lock<std::mutex>& lock);
  Stopped end_threads();

  Store* const store_;
  const Options options_;
  Log* const log_;

  std::mutex mutex_;
  // Changed under mutex_; the atomics are read without it.
  std::condition_variable commit_cv_;
  std::unique_ptr<Batch> current_;
  std::deque<Closed> closed_;  // full, in order, not yet taken
  std::vector<std::unique_ptr<Batch>> spare_;
  std::atomic<JournalPosition> appended_{0};
  std::atomic<JournalPosition> taken_{0};
  std::atomic<std::size_t> current_bytes_{0};
  std::atomic<std::size_t> closed_bytes_{0};  // of closed_ and writing_; the writer takes away
  std::atomic<std::uint64_t> written_version_{0};
  ReservedNumbers versions_;
  ReservedNumbers collections_;
  Writer writer_ = Writer::nobody;
  bool retry_now_ = false;
  bool ending_ = false;

  // Of whoever holds the writer's place.
  Closed writing_;

  JournalProgress progress_;
  EndingThread committer_;
  EndingThread syncer_;
  std::optional<Stopped> stopped_;  // of the thread that stops
};

}  // namespace sojourn::server
