#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>

#include "server/store/store.h"

namespace sojourn::server {

// A store that forgets everything with the process, for tests. Threading: any thread. A walk copies
// its column.
class MemoryStore : public Store {
 public:
  std::unique_ptr<Batch> make_batch() override;
  Result<StoreSequence> write(Batch& batch, Stall stall) override;
  Result<void> sync() override;
  Result<std::optional<std::string>> read(Column column, std::string_view key) override;
  Result<std::unique_ptr<Cursor>> walk(Column column) override;
  StoreSequence sequence() const override;

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;
  class MemoryBatch;
  class MemoryCursor;

  mutable std::mutex mutex_;
  std::array<Rows, kColumns> columns_;
  StoreSequence sequence_ = 0;
};

}  // namespace sojourn::server
