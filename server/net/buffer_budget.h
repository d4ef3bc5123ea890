#pragma once

#include <atomic>
#include <cstddef>

namespace sojourn::server {

// What all connections' buffers take together, over all workers. Threading: any thread; each worker
// reports once a turn.
class BufferBudget {
 public:
  void add(std::ptrdiff_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  std::size_t bytes() const {
    const std::ptrdiff_t bytes = bytes_.load(std::memory_order_relaxed);
    return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
  }

 private:
  alignas(64) std::atomic<std::ptrdiff_t> bytes_{0};
};

}  // namespace sojourn::server
