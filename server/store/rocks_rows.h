#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <memory>
#include <string>

#include "server/store/store.h"

namespace sojourn::server {

using RocksColumns = std::array<rocksdb::ColumnFamilyHandle*, kColumns>;

inline rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// A batch over RocksDB's: pieces go straight into what is written to the log.
class RocksBatch : public Batch {
 public:
  explicit RocksBatch(const RocksColumns& columns) : columns_(columns) {}
  void put(Column column, Pieces key, Pieces value) override;
  void erase(Column column, Pieces key) override;
  void erase_range(Column column, std::string_view begin, std::string_view end) override;
  void clear() override { batch_.Clear(); }
  std::size_t bytes() const override { return batch_.GetDataSize(); }
  std::size_t changes() const override { return static_cast<std::size_t>(batch_.Count()); }

  rocksdb::WriteBatch& rows() { return batch_; }

 private:
  static constexpr std::size_t kLargeBytes = 64 * 1024;

  void make_room(Pieces value);
  rocksdb::ColumnFamilyHandle* handle(Column column) const {
    return columns_[static_cast<std::size_t>(column)];
  }

  const RocksColumns& columns_;
  rocksdb::WriteBatch batch_;
};

class RocksCursor : public Cursor {
 public:
  RocksCursor(std::unique_ptr<rocksdb::Iterator> rows, std::string attempt)
      : rows_(std::move(rows)), attempt_(std::move(attempt)) {
    rows_->SeekToFirst();
  }
  bool valid() const override { return rows_->Valid(); }
  void next() override { rows_->Next(); }
  void seek(std::string_view key) override { rows_->Seek(slice(key)); }
  std::string_view key() const override { return view(rows_->key()); }
  std::string_view value() const override { return view(rows_->value()); }
  std::optional<Error> failure() const override;

 private:
  std::unique_ptr<rocksdb::Iterator> rows_;
  const std::string attempt_;
};

}  // namespace sojourn::server
