#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "server/store/store.h"

namespace sojourn::server {

// A store whose walks over records make no step while they are held: a loader waits with it. Those
// over fields can be held as well: then whoever reads a large hash waits.
class HeldStore : public Store {
 public:
  explicit HeldStore(Store& store) : store_(store) {}

  void hold() { set({Column::records}); }
  void hold_fields_too() { set({Column::records, Column::fields}); }
  void let_go() { set({}); }

  std::unique_ptr<Batch> make_batch() override { return store_.make_batch(); }
  Result<StoreSequence> write(Batch& batch, Stall stall) override {
    return store_.write(batch, stall);
  }
  void prepare() override { store_.prepare(); }
  Result<void> sync() override { return store_.sync(); }
  Result<std::optional<std::string>> read(Column column, std::string_view key) override {
    return store_.read(column, key);
  }
  Result<std::unique_ptr<Cursor>> walk(Column column) override {
    auto walk = store_.walk(column);
    if (!walk) return walk;
    return std::unique_ptr<Cursor>(std::make_unique<HeldCursor>(*this, column, std::move(*walk)));
  }
  StoreSequence sequence() const override { return store_.sequence(); }

 private:
  class HeldCursor : public Cursor {
   public:
    HeldCursor(HeldStore& store, Column column, std::unique_ptr<Cursor> cursor)
        : store_(store), column_(column), cursor_(std::move(cursor)) {}
    bool valid() const override { return cursor_->valid(); }
    void next() override {
      store_.wait(column_);
      cursor_->next();
    }
    void seek(std::string_view key) override {
      store_.wait(column_);
      cursor_->seek(key);
    }
    std::string_view key() const override { return cursor_->key(); }
    std::string_view value() const override { return cursor_->value(); }
    std::optional<Error> failure() const override { return cursor_->failure(); }

   private:
    HeldStore& store_;
    const Column column_;
    std::unique_ptr<Cursor> cursor_;
  };

  void set(std::set<Column> held) {
    {
      const std::lock_guard guard(mutex_);
      held_ = std::move(held);
    }
    changed_.notify_all();
  }
  void wait(Column column) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_.contains(column); });
  }

  Store& store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Column> held_;
};

}  // namespace sojourn::server
