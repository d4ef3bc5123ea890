#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "server/base/pace.h"
#include "server/store/chunk_pool.h"

namespace sojourn::server {

// How RocksDB's threads share a core with workers (base/pace.h): they sleep the longer the more
// time there is for what they do. A flush has time until the next memtable is full, and is behind
// when more than these two, which the pool keeps memory for, wait; compaction has until there are
// many sorted runs.
//
// Threading: any thread.
class Pacing {
 public:
  enum class Work : std::uint8_t { flush, compaction };

  explicit Pacing(std::shared_ptr<const ChunkPool> memtables) : memtables_(std::move(memtables)) {}

  // Off at first, and when there is nobody to give way to: while the store is opened or closed.
  void turn_on(bool on) { on_.store(on, std::memory_order_relaxed); }

  // How many sorted runs the column has that has the most.
  void note_sorted_runs(std::size_t runs) { runs_.store(runs, std::memory_order_relaxed); }

  struct Step {
    std::chrono::microseconds work;
    std::chrono::microseconds pause;
  };
  // No pause when it is off, or they are so far behind that writes may soon have to wait.
  Step step(Work work) const;

 private:
  double urgency(Work work) const;

  const std::shared_ptr<const ChunkPool> memtables_;  // also RocksDB's
  std::atomic<bool> on_{false};
  std::atomic<std::size_t> runs_{0};
};

// One piece of work, by one thread at a time.
class PacedWork {
 public:
  // Without a pacing it never sleeps. Otherwise that must live as long.
  PacedWork(const Pacing* pacing, Pacing::Work work) : pacing_(pacing), work_(work) {}
  // To be called often; sleeps when this thread has worked long enough.
  void give_way();

 private:
  const Pacing* const pacing_;
  const Pacing::Work work_;
  Pace pace_;
};

}  // namespace sojourn::server
