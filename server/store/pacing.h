#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "server/base/pace.h"
#include "server/store/chunk_pool.h"

namespace sojourn::server {

// How RocksDB's threads share a core with workers (base/pace.h): they sleep the longer the less they
// are behind.
//
// Threading: any thread.
class Pacing {
 public:
  // They are behind when more memtables than one being filled and one being flushed, which the
  // pool keeps memory for, wait for them.
  explicit Pacing(std::shared_ptr<const ChunkPool> memtables) : memtables_(std::move(memtables)) {}

  // Off at first, and when there is nobody to give way to: while the store is opened or closed.
  void turn_on(bool on) { on_.store(on, std::memory_order_relaxed); }

  struct Step {
    std::chrono::microseconds work;
    std::chrono::microseconds pause;
  };
  // No pause when it is off, or they are so far behind that writes may soon have to wait.
  Step step() const;

 private:
  const std::shared_ptr<const ChunkPool> memtables_;  // also RocksDB's
  std::atomic<bool> on_{false};
};

// One piece of work, by one thread at a time.
class PacedWork {
 public:
  // Without a pacing it never sleeps. Otherwise that must live as long.
  explicit PacedWork(const Pacing* pacing) : pacing_(pacing) {}
  // To be called often; sleeps when this thread has worked long enough.
  void give_way();

 private:
  const Pacing* const pacing_;
  Pace pace_;
};

}  // namespace sojourn::server
