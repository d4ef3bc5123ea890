#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "server/store/store.h"

namespace sojourn::server {

// A store whose walks over records make no step while they are held: a loader waits with it.
class HeldStore : public Store {
 public:
  explicit HeldStore(Store& store) : store_(store) {}

  void hold() { set(true); }
  void let_go() { set(false); }

  std::unique_ptr<Batch> make_batch() override { return store_.make_batch(); }
  Result<StoreSequence> write(Batch& batch, Stall stall) override {
    return store_.write(batch, stall);
  }
  Result<void> sync() override { return store_.sync(); }
  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    return store_.read(column, key);
  }
  Result<std::unique_ptr<Cursor>> walk(Column column) override {
    auto walk = store_.walk(column);
    if (!walk || column != Column::records) return walk;
    return std::unique_ptr<Cursor>(std::make_unique<HeldCursor>(*this, std::move(*walk)));
  }
  StoreSequence sequence() const override { return store_.sequence(); }

 private:
  class HeldCursor : public Cursor {
   public:
    HeldCursor(HeldStore& store, std::unique_ptr<Cursor> cursor)
        : store_(store), cursor_(std::move(cursor)) {}
    bool valid() const override { return cursor_->valid(); }
    void next() override {
      store_.wait();
      cursor_->next();
    }
    void seek(std::string_view key) override {
      store_.wait();
      cursor_->seek(key);
    }
    std::string_view key() const override { return cursor_->key(); }
    std::string_view value() const override { return cursor_->value(); }
    std::optional<Error> failure() const override { return cursor_->failure(); }

   private:
    HeldStore& store_;
    std::unique_ptr<Cursor> cursor_;
  };

  void set(bool held) {
    {
      const std::lock_guard guard(mutex_);
      held_ = held;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_; });
  }

  Store& store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
};

}  // namespace sojourn::server
