#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "server/base/result.h"
#include "server/store/store.h"

namespace sojourn::server {

// Numbers that are never used twice, over all lives of the server: reserved on disk, in a row of
// Column::meta, before the first of them is given out.
//
// Threading: one thread at a time, but for next() without a batch.
class ReservedNumbers {
 public:
  ReservedNumbers(std::string_view row, std::uint64_t next)
      : row_(row), next_(next), reserved_(next) {}

  // Goes on behind what earlier lives have reserved. Fails with what reading fails with, or with
  // Errc::damaged.
  Result<void> restore(Store& store);
  // The next number. With a batch (where numbers outlive the process) also reserves `step` further
  // ones in it when less than half of that is left.
  std::uint64_t next(Batch* batch, std::uint64_t step) {
    const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
    if (batch != nullptr && number + step / 2 >= reserved_) reserve(*batch, step);
    return number;
  }
  void reserve(Batch& batch, std::uint64_t step);
  std::uint64_t last() const { return next_.load(std::memory_order_relaxed) - 1; }

 private:
  const std::string_view row_;
  std::atomic<std::uint64_t> next_;  // atomic for the journal that keeps nothing, and no lock
  std::uint64_t reserved_;
};

}  // namespace sojourn::server
