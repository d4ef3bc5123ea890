#include "server/store/memory_store.h"

#include <utility>
#include <vector>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

std::string join(Batch::Pieces pieces) {
  std::string whole;
  for (const std::string_view piece : pieces) whole += piece;
  return whole;
}

}  // namespace

class MemoryStore::MemoryBatch : public Batch {
 public:
  enum class Kind : std::uint8_t { put, erase, erase_range };
  struct Change {
    Kind kind;
    Column column;
    std::string key;    // or where the range begins
    std::string value;  // or where the range ends
  };

  void put(Column column, Pieces key, Pieces value) override {
    add({Kind::put, column, join(key), join(value)});
  }
  void erase(Column column, Pieces key) override { add({Kind::erase, column, join(key), {}}); }
  void erase_range(Column column, std::string_view begin, std::string_view end) override {
    if (begin < end) {
      add({Kind::erase_range, column, std::string(begin), std::string(end)});
    }
  }
  void clear() override {
    changes_.clear();
    bytes_ = 0;
  }
  std::size_t bytes() const override { return bytes_; }
  std::size_t changes() const override { return changes_.size(); }

  const std::vector<Change>& list() const { return changes_; }

 private:
  void add(Change change) {
    bytes_ += change.key.size() + change.value.size();
    changes_.push_back(std::move(change));
  }

  std::vector<Change> changes_;
  std::size_t bytes_ = 0;
};

class MemoryStore::MemoryCursor : public Cursor {
 public:
  explicit MemoryCursor(Rows rows) : rows_(std::move(rows)), at_(rows_.begin()) {}
  bool valid() const override { return at_ != rows_.end(); }
  void next() override {
    CHECK(valid());
    ++at_;
  }
  void seek(std::string_view key) override { at_ = rows_.lower_bound(key); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  std::optional<Error> failure() const override { return std::nullopt; }

 private:
  const Rows rows_;
  Rows::const_iterator at_;
};

std::unique_ptr<Batch> MemoryStore::make_batch() { return std::make_unique<MemoryBatch>(); }

Result<StoreSequence> MemoryStore::write(Batch& batch, Stall) {
  const std::lock_guard lock(mutex_);
  for (const MemoryBatch::Change& change : static_cast<MemoryBatch&>(batch).list()) {
    Rows& rows = columns_[static_cast<std::size_t>(change.column)];
    switch (change.kind) {
      case MemoryBatch::Kind::put:
        rows[change.key] = change.value;
        break;
      case MemoryBatch::Kind::erase:
        rows.erase(change.key);
        break;
      case MemoryBatch::Kind::erase_range:
        rows.erase(rows.lower_bound(change.key), rows.lower_bound(change.value));
        break;
    }
  }
  sequence_ += batch.changes();
  return sequence_;
}

Result<void> MemoryStore::sync() { return {}; }

Result<std::optional<std::string>> MemoryStore::read(Column column, std::string_view key) {
  const std::lock_guard lock(mutex_);
  const Rows& rows = columns_[static_cast<std::size_t>(column)];
  const auto row = rows.find(key);
  if (row == rows.end()) return std::optional<std::string>();
  return std::optional<std::string>(row->second);
}

Result<std::unique_ptr<Cursor>> MemoryStore::walk(Column column) {
  const std::lock_guard lock(mutex_);
  return std::unique_ptr<Cursor>(
      std::make_unique<MemoryCursor>(columns_[static_cast<std::size_t>(column)]));
}

StoreSequence MemoryStore::sequence() const {
  const std::lock_guard lock(mutex_);
  return sequence_;
}

}  // namespace sojourn::server
