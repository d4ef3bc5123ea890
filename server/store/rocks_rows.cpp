#include "server/store/rocks_rows.h"

#include "server/base/check.h"
#include "server/store/rocks_status.h"

namespace sojourn::server {
namespace {

// RocksDB's form of a Batch::Pieces.
class Parts {
 public:
  explicit Parts(Batch::Pieces pieces) {
    CHECK(pieces.size() <= slices_.size());
    for (const std::string_view piece : pieces) slices_[count_++] = slice(piece);
  }
  rocksdb::SliceParts parts() const { return {slices_.data(), count_}; }

 private:
  std::array<rocksdb::Slice, 8> slices_;
  int count_ = 0;
};

}  // namespace

// A WriteBatch appends piece by piece to a string, and has no way to make room in it: the piece
// behind a large value would have all of it copied once more.
void RocksBatch::make_room(Pieces value) {
  std::size_t bytes = 0;
  for (const std::string_view piece : value) bytes += piece.size();
  if (bytes < kLargeBytes) return;
  auto& rows = const_cast<std::string&>(batch_.Data());
  rows.reserve(rows.size() + bytes + kLargeBytes);
}

// A WriteBatch fails only past limits it was not given, or for a column of another database.
void RocksBatch::put(Column column, Pieces key, Pieces value) {
  make_room(value);
  CHECK(batch_.Put(handle(column), Parts(key).parts(), Parts(value).parts()).ok());
}

void RocksBatch::erase(Column column, Pieces key) {
  CHECK(batch_.Delete(handle(column), Parts(key).parts()).ok());
}

void RocksBatch::erase_range(Column column, std::string_view begin, std::string_view end) {
  // RocksDB would refuse the whole batch.
  if (begin >= end) return;
  CHECK(batch_.DeleteRange(handle(column), slice(begin), slice(end)).ok());
}

std::optional<Error> RocksCursor::failure() const {
  const rocksdb::Status status = rows_->status();
  if (status.ok()) return std::nullopt;
  return to_error(status, attempt_);
}

}  // namespace sojourn::server
