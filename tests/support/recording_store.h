#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/store/store.h"

namespace sojourn::server {

// A store that keeps every batch as it came, and does on demand what disks do: hang, fill up, fail.
// Threading: any thread; write() is checked to come from one at a time.
class RecordingStore : public Store {
 public:
  enum class Kind { put, erase, erase_range };
  struct Change {
    Kind kind;
    Column column;
    std::string key;    // begin of a range
    std::string value;  // end of a range
  };
  struct Written {
    std::vector<Change> changes;
    std::thread::id by;
    Stall stall;
  };

  RecordingStore() = default;
  // What a process finds that starts after another died with only these batches on disk.
  explicit RecordingStore(std::vector<Written> survived) : written_(std::move(survived)) {
    for (const Written& batch : written_) apply(batch.changes);
  }

  // Until let go, calls hang.
  void hold_writes(bool hold) { set(writes_held_, hold); }
  void hold_syncs(bool hold) { set(syncs_held_, hold); }
  void hold_prepares(bool hold) { set(prepares_held_, hold); }
  // Until told otherwise, writes (syncs) end with this; nothing is written then.
  void fail_writes(std::optional<Errc> code) { set(write_failure_, code); }
  void fail_syncs(bool fail) { set(syncs_fail_, fail); }
  void stall(bool stalled) { set(stalled_, stalled); }
  // Runs inside each write.
  void during_write(std::function<void()> hook) { set(during_write_, std::move(hook)); }

  std::vector<Written> written() const { return get(written_); }
  int writes_begun() const { return get(writes_begun_); }
  int writes_running() const { return get(writes_running_); }
  int syncs_begun() const { return get(syncs_begun_); }
  int syncs() const { return get(syncs_); }
  int prepares_begun() const { return get(prepares_begun_); }

  std::unique_ptr<Batch> make_batch() override { return std::make_unique<RecordingBatch>(); }

  Result<StoreSequence> write(Batch& batch, Stall stall) override {
    std::unique_lock lock(mutex_);
    ++writes_begun_;
    CHECK(++writes_running_ == 1);
    if (auto hook = during_write_) {
      lock.unlock();
      hook();
      lock.lock();
    }
    changed_.wait(lock, [&] { return !writes_held_; });
    --writes_running_;
    if (write_failure_) return Error{*write_failure_, "as the test wants"};
    if (stalled_ && stall == Stall::refuse) return Error{Errc::unavailable, "stalled"};
    written_.push_back(
        {static_cast<RecordingBatch&>(batch).list, std::this_thread::get_id(), stall});
    apply(written_.back().changes);
    return written_.size();
  }

  void prepare() override {
    std::unique_lock lock(mutex_);
    ++prepares_begun_;
    changed_.wait(lock, [&] { return !prepares_held_; });
  }

  Result<void> sync() override {
    std::unique_lock lock(mutex_);
    ++syncs_begun_;
    changed_.wait(lock, [&] { return !syncs_held_; });
    if (syncs_fail_) return Error{Errc::storage, "the test's sync error"};
    ++syncs_;
    return {};
  }

  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    std::lock_guard lock(mutex_);
    const auto& rows = rows_[static_cast<std::size_t>(column)];
    const auto row = rows.find(key);
    if (row == rows.end()) return std::optional<std::string>();
    return std::optional<std::string>(row->second);
  }

  Result<std::unique_ptr<Cursor>> walk(Column) override {
    return Error{Errc::unavailable, "a recording has no cursor"};
  }
  StoreSequence sequence() const override { return get(written_).size(); }

 private:
  struct RecordingBatch : Batch {
    static std::string join(Pieces pieces) {
      std::string joined;
      for (const std::string_view piece : pieces) joined += piece;
      return joined;
    }
    void put(Column column, Pieces key, Pieces value) override {
      add({Kind::put, column, join(key), join(value)});
    }
    void erase(Column column, Pieces key) override { add({Kind::erase, column, join(key), {}}); }
    void erase_range(Column column, std::string_view begin, std::string_view end) override {
      add({Kind::erase_range, column, std::string(begin), std::string(end)});
    }
    void add(Change change) {
      size += change.key.size() + change.value.size() + 8;
      list.push_back(std::move(change));
    }
    void clear() override {
      list.clear();
      size = 0;
    }
    std::size_t bytes() const override { return size; }
    std::size_t changes() const override { return list.size(); }

    std::vector<Change> list;
    std::size_t size = 0;
  };

  template <class T, class V>
  void set(T& member, V value) {
    {
      std::lock_guard lock(mutex_);
      member = std::move(value);
    }
    changed_.notify_all();
  }
  template <class T>
  T get(const T& member) const {
    std::lock_guard lock(mutex_);
    return member;
  }
  void apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      auto& rows = rows_[static_cast<std::size_t>(change.column)];
      if (change.kind == Kind::put) rows[change.key] = change.value;
      if (change.kind == Kind::erase) rows.erase(change.key);
      if (change.kind == Kind::erase_range) {
        rows.erase(rows.lower_bound(change.key), rows.lower_bound(change.value));
      }
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Written> written_;
  std::array<std::map<std::string, std::string, std::less<>>, kColumns> rows_;
  bool writes_held_ = false;
  bool syncs_held_ = false;
  bool prepares_held_ = false;
  bool syncs_fail_ = false;
  bool stalled_ = false;
  std::optional<Errc> write_failure_;
  std::function<void()> during_write_;
  int writes_begun_ = 0;
  int writes_running_ = 0;
  int syncs_begun_ = 0;
  int prepares_begun_ = 0;
  int syncs_ = 0;
};

}  // namespace sojourn::server
