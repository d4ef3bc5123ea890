#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/cache/journal.h"

namespace sojourn::server {

// How far the store has got, what state it is in, and who is told of it. Syncs.
//
// Threading: any thread. Once abandoned or failed nothing moves any more.
class JournalProgress {
 public:
  JournalProgress(Store* store, const Journal::Options& options, Log* log);

  JournalPosition written() const { return written_.load(std::memory_order_acquire); }
  JournalPosition synced() const { return synced_.load(std::memory_order_acquire); }
  JournalPosition released() const { return released_.load(std::memory_order_acquire); }
  StorageState state() const { return state_.load(std::memory_order_acquire); }
  AppendFsync fsync() const { return fsync_.load(std::memory_order_relaxed); }
  Time last_sync() const { return last_sync_.load(std::memory_order_relaxed); }
  std::string failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }

  void set_fsync(AppendFsync fsync);
  void on_progress(std::function<void()> wake) {
    std::lock_guard lock(wake_mutex_);
    wake_ = std::move(wake);
  }
  void when_synced(JournalPosition position, std::function<void(bool)> done);

  // The writer's reports: before each try, and how it ended.
  void tries_to_write() { ++tries_; }
  void wrote(JournalPosition position);
  void met_full_disk(std::string_view detail);
  void fail(std::string_view detail);

  void sync_loop();
  void end_sync_loop();
  // The store, the log and the callback are not touched any more once this returns, but for the
  // calls into the store that have not come back.
  void abandon();

 private:
  struct Waiter {
    JournalPosition position;
    std::uint64_t tries;  // begun before it came; they say nothing about the disk it finds
    std::function<void(bool)> done;
  };
  using Waiters = std::vector<Waiter>;

  bool live() const { return !abandoned_ && state() != StorageState::failed; }
  bool release();
  bool sync_is_wanted() const;
  bool wait_for_sync(std::unique_lock<std::mutex>& lock, std::chrono::steady_clock::time_point due);
  void finish_sync(const Result<void>& result, JournalPosition position);
  Waiters fail_locked(std::string_view detail);
  template <class Chosen>
  Waiters take_waiters(Chosen chosen);
  static void answer(const Waiters& waiters, bool synced) {
    for (const Waiter& waiter : waiters) waiter.done(synced);
  }
  void wake() {
    std::lock_guard lock(wake_mutex_);
    if (wake_) wake_();
  }

  Store* const store_;
  const Millis sync_interval_;

  mutable std::mutex mutex_;
  // Changed under mutex_; the atomics are read without it.
  Log* const log_;  // held while logging, so that nobody logs once abandoned
  std::condition_variable sync_cv_;
  std::atomic<JournalPosition> written_{0};
  std::atomic<JournalPosition> synced_{0};
  std::atomic<JournalPosition> released_{0};
  std::atomic<StorageState> state_{StorageState::ok};
  std::atomic<AppendFsync> fsync_;
  std::atomic<Time> last_sync_;
  std::string failure_;
  Waiters waiters_;
  std::atomic<std::uint64_t> tries_{0};  // of the writer alone
  bool ending_ = false;
  bool abandoned_ = false;

  std::mutex wake_mutex_;
  std::function<void()> wake_;
};

}  // namespace sojourn::server
