#include "server/cache/journal_progress.h"

#include <algorithm>
#include <utility>

namespace sojourn::server {
namespace {

using Steady = std::chrono::steady_clock;

Time wall_clock() { return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()); }

}  // namespace

JournalProgress::JournalProgress(Store* store, const Journal::Options& options, Log* log)
    : store_(store),
      sync_interval_(options.sync_interval),
      log_(log),
      fsync_(options.fsync),
      last_sync_(wall_clock()) {}

bool JournalProgress::release() {
  const JournalPosition now = fsync() == AppendFsync::always ? synced() : written();
  if (now <= released()) return false;
  released_.store(now, std::memory_order_release);
  return true;
}

template <class Chosen>
JournalProgress::Waiters JournalProgress::take_waiters(Chosen chosen) {
  Waiters taken;
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (!chosen(waiter)) return false;
    taken.push_back(std::move(waiter));
    return true;
  });
  return taken;
}

void JournalProgress::set_fsync(AppendFsync fsync) {
  {
    std::lock_guard lock(mutex_);
    fsync_.store(fsync, std::memory_order_relaxed);
    if (live()) release();
  }
  sync_cv_.notify_all();
  wake();
}

void JournalProgress::when_synced(JournalPosition position, std::function<void(bool)> done) {
  bool synced_already = false;
  {
    std::lock_guard lock(mutex_);
    synced_already = synced() >= position;
    if (!synced_already && live()) {
      waiters_.push_back({position, tries_.load(), std::move(done)});
      sync_cv_.notify_all();
      return;
    }
  }
  done(synced_already);
}

void JournalProgress::wrote(JournalPosition position) {
  bool changed = false;
  bool wants_sync = false;
  {
    std::lock_guard lock(mutex_);
    if (!live()) return;
    written_.store(position, std::memory_order_release);
    changed = release();
    if (state() == StorageState::read_only) {
      log_->notice("The disk has space again: writes are accepted");
      failure_.clear();
      state_.store(StorageState::ok, std::memory_order_release);
      changed = true;
    }
    wants_sync = sync_is_wanted();
  }
  if (wants_sync) sync_cv_.notify_all();
  if (changed) wake();
}

void JournalProgress::met_full_disk(std::string_view detail) {
  Waiters refused;
  {
    std::lock_guard lock(mutex_);
    if (!live()) return;
    if (state() == StorageState::ok) {
      log_->warning("Disk full, writes are refused until space returns: {}", detail);
      state_.store(StorageState::read_only, std::memory_order_release);
    }
    failure_ = detail;
    refused = take_waiters([&](const Waiter& waiter) {
      return waiter.position > written() && waiter.tries < tries_.load();
    });
  }
  answer(refused, false);
  wake();
}

void JournalProgress::fail(std::string_view detail) {
  Waiters refused;
  {
    std::lock_guard lock(mutex_);
    if (!live()) return;
    refused = fail_locked(detail);
  }
  answer(refused, false);
  wake();
}

JournalProgress::Waiters JournalProgress::fail_locked(std::string_view detail) {
  log_->warning("Storage failed, no write is acknowledged until a restart: {}", detail);
  failure_ = detail;
  state_.store(StorageState::failed, std::memory_order_release);
  return std::exchange(waiters_, {});
}

bool JournalProgress::sync_is_wanted() const {
  if (written() <= synced()) return false;
  return fsync() == AppendFsync::always ||
         std::any_of(waiters_.begin(), waiters_.end(),
                     [&](const Waiter& waiter) { return waiter.position <= written(); });
}

// False when there will be no more syncs.
bool JournalProgress::wait_for_sync(std::unique_lock<std::mutex>& lock, Steady::time_point due) {
  while (!ending_ && live()) {
    if (sync_is_wanted()) return true;
    if (fsync() != AppendFsync::everysec) {
      sync_cv_.wait(lock);
    } else if (Steady::now() < due) {
      // Nobody wakes us for what was written meanwhile: a batch would pay for a wake-up.
      sync_cv_.wait_until(lock, due);
    } else if (written() > synced()) {
      return true;
    } else {
      due = Steady::now() + sync_interval_;
    }
  }
  return false;
}

void JournalProgress::sync_loop() {
  std::unique_lock lock(mutex_);
  auto due = Steady::now() + sync_interval_;
  while (wait_for_sync(lock, due)) {
    const JournalPosition position = written();
    due = Steady::now() + sync_interval_;
    lock.unlock();
    finish_sync(store_->sync(), position);
    lock.lock();
  }
}

void JournalProgress::finish_sync(const Result<void>& result, JournalPosition position) {
  Waiters answered;
  bool changed = true;
  {
    std::lock_guard lock(mutex_);
    if (!live()) return;
    if (result) {
      synced_.store(position, std::memory_order_release);
      last_sync_.store(wall_clock(), std::memory_order_relaxed);
      changed = release();
      answered = take_waiters([&](const Waiter& waiter) { return waiter.position <= position; });
    } else {
      // The kernel may have dropped the pages: a second try could succeed and mean nothing.
      answered = fail_locked(result.error().detail);
    }
  }
  answer(answered, result.has_value());
  if (changed) wake();
}

void JournalProgress::end_sync_loop() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  sync_cv_.notify_all();
}

void JournalProgress::abandon() {
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  on_progress({});
}

}  // namespace sojourn::server
