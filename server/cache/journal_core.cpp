#include "server/cache/journal_core.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace sojourn::server {
namespace {

using Steady = std::chrono::steady_clock;

// Batches kept for reuse, those of large values, too: their pages are dear to get anew. One that
// was larger than this is not kept.
constexpr std::size_t kSpareBatches = 2;
constexpr std::size_t kSpareBytesMax = 16 * 1024 * 1024;
// How often the worker who writes looks again before he leaves the rest to the committer.
constexpr int kInlineRounds = 2;

}  // namespace

Result<void> Journal::Core::restore() {
  if (auto restored = versions_.restore(*store_); !restored) return restored;
  return collections_.restore(*store_);
}

void Journal::Core::start() {
  committer_.start("committer", [core = shared_from_this()] { core->commit_loop(); });
  syncer_.start("syncer", [core = shared_from_this()] { core->progress_.sync_loop(); });
}

// A unit of its own, so that there is something to flush before the first number is given out.
void Journal::Core::reserve_numbers() {
  std::lock_guard lock(mutex_);
  versions_.reserve(*current_, options_.reserve_step);
  collections_.reserve(*current_, options_.reserve_step);
  unit_ended();
}

// The one place where a batch begins.
std::unique_ptr<Batch> Journal::Core::begin_batch() {
  if (spare_.empty()) return store_->make_batch();
  auto batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

void Journal::Core::close_current() {
  const std::size_t bytes = current_->bytes();
  closed_.push_back({std::exchange(current_, begin_batch()), appended(), versions_.last(), bytes});
  closed_bytes_ += bytes;
  current_bytes_.store(0, std::memory_order_relaxed);
}

// Makes writing_ the next batch in order; false when there is none.
bool Journal::Core::take() {
  if (writing_.batch) return true;
  if (!pending()) return false;
  if (closed_.empty()) close_current();
  writing_ = std::move(closed_.front());
  closed_.pop_front();
  taken_.store(writing_.position);
  return true;
}

Journal::Core::Wrote Journal::Core::write_taken(std::unique_lock<std::mutex>& lock,
                                                Store::Stall stall) {
  // A sync may have failed since the batch was begun.
  if (progress_.state() == StorageState::failed) return Wrote::never;
  progress_.tries_to_write();
  lock.unlock();
  if (auto result = store_->write(*writing_.batch, stall); !result) {
    const Error& error = result.error();
    const bool passes = error.code == Errc::disk_full || error.code == Errc::unavailable;
    if (!passes) progress_.fail(error.detail);
    if (error.code == Errc::disk_full) progress_.met_full_disk(error.detail);
    lock.lock();
    return passes ? Wrote::not_yet : Wrote::never;
  }
  Closed done = std::exchange(writing_, {});
  // Before anybody is woken: who waits for the budget looks at it then.
  closed_bytes_ -= done.bytes;
  written_version_.store(done.version, std::memory_order_release);
  progress_.wrote(done.position);
  if (done.batch->bytes() > kSpareBytesMax) {
    done.batch.reset();
  } else {
    done.batch->clear();
  }
  lock.lock();
  if (done.batch && spare_.size() < kSpareBatches) spare_.push_back(std::move(done.batch));
  return Wrote::yes;
}

void Journal::Core::end_turn() {
  if (appended() == taken_.load() || progress_.state() == StorageState::failed) return;
  std::unique_lock lock(mutex_);
  if (writer_ != Writer::nobody || !pending()) return;
  writer_ = Writer::worker;
  for (int round = 0; round < kInlineRounds && is_small(); ++round) {
    take();
    const Wrote wrote = write_taken(lock, Store::Stall::refuse);
    if (wrote == Wrote::never) return;  // the writer's place stays taken: nobody writes again
    if (wrote == Wrote::not_yet) break;
    if (!pending()) {
      writer_ = Writer::nobody;
      return;
    }
  }
  pass_to_committer(lock);
}

void Journal::Core::pass_to_committer(std::unique_lock<std::mutex>& lock) {
  writer_ = Writer::committer;
  lock.unlock();
  commit_cv_.notify_one();
}

// When all that was appended is written, so is every version that a unit which has ended was given.
// Once storage has failed, units count as appended, and nothing is written.
std::uint64_t Journal::Core::written_version() const {
  const JournalPosition appended = this->appended();
  if (progress_.written() >= appended) return std::numeric_limits<std::uint64_t>::max();
  return written_version_.load(std::memory_order_acquire);
}

// Has everything appended written without waiting for a turn to end, and a full disk tried at once.
void Journal::Core::commit_soon() {
  std::unique_lock lock(mutex_);
  retry_now_ = true;
  if (writer_ == Writer::nobody && pending()) writer_ = Writer::committer;
  lock.unlock();
  commit_cv_.notify_one();
}

void Journal::Core::commit_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    commit_cv_.wait(lock, [&] { return ending_ || writer_ == Writer::committer; });
    if (ending_ || !write_all(lock)) return;
    writer_ = Writer::nobody;
    lock.unlock();
    store_->prepare();
    lock.lock();
  }
}

// False when nothing more will be written.
bool Journal::Core::write_all(std::unique_lock<std::mutex>& lock) {
  Millis delay = options_.retry_first;
  while (!ending_ && take()) {
    retry_now_ = false;
    const Wrote wrote = write_taken(lock, Store::Stall::wait);
    if (wrote == Wrote::never) return false;
    if (wrote == Wrote::yes) {
      delay = options_.retry_first;
      continue;
    }
    commit_cv_.wait_for(lock, delay, [&] { return ending_ || retry_now_; });
    delay = std::min(2 * delay, options_.retry_most);
  }
  return !ending_;
}

std::future<bool> Journal::Core::flush() {
  auto synced = std::make_shared<std::promise<bool>>();  // the caller may go before set_value ends
  auto result = synced->get_future();
  progress_.when_synced(appended(), [synced](bool ok) { synced->set_value(ok); });
  commit_soon();
  return result;
}

Journal::Stopped Journal::Core::stop() {
  if (!stopped_) stopped_ = keeps() ? end_threads() : Stopped::clean;
  return *stopped_;
}

Journal::Stopped Journal::Core::end_threads() {
  const auto deadline = Steady::now() + options_.stop_wait;
  auto flushed = flush();
  const bool drained = flushed.wait_until(deadline) == std::future_status::ready && flushed.get();
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  commit_cv_.notify_all();
  progress_.end_sync_loop();
  // What ends at all ends at once now.
  const auto last = std::max(deadline, Steady::now() + Millis{100});
  const bool committer_ended = committer_.join_by(last);
  const bool syncer_ended = syncer_.join_by(last);
  const bool ended = committer_ended && syncer_ended;
  if (!ended) progress_.abandon();
  if (!drained) {
    log_->warning(
        "Stopped with changes not written or not synced: {} of {} units are synced, {} bytes "
        "are not written{}{}{}",
        progress_.synced(), appended(), pending_bytes(),
        committer_ended ? "" : "; a write hangs in the store",
        syncer_ended ? "" : "; a sync hangs in the store",
        progress_.failure().empty() ? "" : "; " + progress_.failure());
  }
  if (!ended) return Stopped::hanging;
  return drained ? Stopped::clean : Stopped::unwritten;
}

}  // namespace sojourn::server
