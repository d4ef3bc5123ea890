#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "server/store/store.h"

namespace sojourn::server {

// A store before another one that fails and waits when a test says so, and counts. Threading: any
// thread; the store behind it must outlive it.
class FaultyStore : public Store {
 public:
  explicit FaultyStore(Store& behind) : behind_(behind) {}

  // The n-th write (sync, read) from now, 1 being the next one, fails with `code`, and so do the
  // `times` - 1 after it. A write that fails reaches the store behind only with Errc::storage and
  // `reaches_disk`: whether it was written is unknown then.
  void fail_write(std::size_t nth, Errc code, std::size_t times = 1, bool reaches_disk = false) {
    const std::lock_guard lock(mutex_);
    write_fault_ = Fault{writes_ + nth, times, code, reaches_disk};
  }
  void fail_sync(std::size_t nth, Errc code, std::size_t times = 1) {
    const std::lock_guard lock(mutex_);
    sync_fault_ = Fault{syncs_ + nth, times, code, false};
  }
  void fail_read(std::size_t nth, Errc code, std::size_t times = 1) {
    const std::lock_guard lock(mutex_);
    read_fault_ = Fault{reads_ + nth, times, code, false};
  }
  void heal() {
    const std::lock_guard lock(mutex_);
    write_fault_ = sync_fault_ = read_fault_ = std::nullopt;
  }

  // From now on writes (syncs, reads) wait until they are let go. A write with Stall::refuse is
  // refused instead, as RocksDB does.
  void hold_writes() { hold(writes_held_); }
  void hold_syncs() { hold(syncs_held_); }
  void hold_reads() { hold(reads_held_); }
  void let_go() {
    const std::lock_guard lock(mutex_);
    writes_held_ = syncs_held_ = reads_held_ = false;
    changed_.notify_all();
  }
  // Waits until that many are being held back.
  void wait_for_held(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_ >= count; });
  }

  // Begun so far, failed ones too.
  std::size_t writes() const { return count(writes_); }
  std::size_t syncs() const { return count(syncs_); }
  std::size_t reads() const { return count(reads_); }

  std::unique_ptr<Batch> make_batch() override { return behind_.make_batch(); }

  Result<StoreSequence> write(Batch& batch, Stall stall) override {
    std::optional<Fault> fault;
    {
      std::unique_lock lock(mutex_);
      fault = take(write_fault_, ++writes_);
      if (writes_held_ && stall == Stall::refuse) {
        return Error{Errc::unavailable, "writing: held back by the test"};
      }
      wait_while(writes_held_, lock);
    }
    if (!fault) return behind_.write(batch, stall);
    if (fault->reaches_disk) (void)behind_.write(batch, stall);
    return error(*fault, "writing");
  }

  void prepare() override { behind_.prepare(); }
  Result<void> sync() override {
    std::optional<Fault> fault;
    {
      std::unique_lock lock(mutex_);
      fault = take(sync_fault_, ++syncs_);
      wait_while(syncs_held_, lock);
    }
    if (!fault) return behind_.sync();
    return error(*fault, "syncing");
  }

  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    std::optional<Fault> fault;
    {
      std::unique_lock lock(mutex_);
      fault = take(read_fault_, ++reads_);
      wait_while(reads_held_, lock);
    }
    if (!fault) return behind_.read(column, key);
    return error(*fault, "reading");
  }

  Result<std::unique_ptr<Cursor>> walk(Column column) override { return behind_.walk(column); }
  StoreSequence sequence() const override { return behind_.sequence(); }
  std::uint64_t memory_bytes() const override { return behind_.memory_bytes(); }
  void describe(
      const std::function<void(std::string_view, std::string_view)>& figure) const override {
    behind_.describe(figure);
  }

 private:
  struct Fault {
    std::size_t first;
    std::size_t times;
    Errc code;
    bool reaches_disk;
  };

  static std::optional<Fault> take(const std::optional<Fault>& fault, std::size_t number) {
    if (!fault || number < fault->first || number - fault->first >= fault->times) {
      return std::nullopt;
    }
    return fault;
  }
  static Error error(const Fault& fault, const std::string& attempt) {
    return {fault.code, attempt + ": a fault made by the test"};
  }
  void hold(bool& held) {
    const std::lock_guard lock(mutex_);
    held = true;
  }
  void wait_while(const bool& held, std::unique_lock<std::mutex>& lock) {
    if (!held) return;
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held; });
    --held_;
  }
  std::size_t count(const std::size_t& figure) const {
    const std::lock_guard lock(mutex_);
    return figure;
  }

  Store& behind_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Fault> write_fault_, sync_fault_, read_fault_;
  bool writes_held_ = false, syncs_held_ = false, reads_held_ = false;
  std::size_t writes_ = 0, syncs_ = 0, reads_ = 0, held_ = 0;
};

}  // namespace sojourn::server
