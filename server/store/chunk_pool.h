#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

namespace sojourn::server {

// Memory in chunks of one huge page, kept for the next who wants some: memtables come and go by the
// 64 MiB, and getting pages from the kernel and giving them back costs a put 0.3 us, and flushing
// pauses of milliseconds.
//
// Threading: any thread.
class ChunkPool {
 public:
  static constexpr std::size_t kChunk = 2u * 1024 * 1024;

  // Keeps up to so many bytes that nobody uses.
  explicit ChunkPool(std::size_t kept_bytes) : kept_chunks_(kept_bytes / kChunk) {}
  // All chunks must be back.
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // Its content is whatever it was.
  char* take();
  void give_back(char* chunk);
  // So much more is in use of other memory for the same purpose, or less.
  void count_other(std::ptrdiff_t bytes) {
    other_.fetch_add(static_cast<std::size_t>(bytes), std::memory_order_relaxed);
  }
  // In use and kept, and of other memory.
  std::size_t bytes() const {
    return chunks_.load(std::memory_order_relaxed) * kChunk +
           other_.load(std::memory_order_relaxed);
  }
  // Whether so many bytes, or all it ever keeps, can be had without new memory: a huge page that the
  // system has to find, and to clear, takes milliseconds where a host took it back.
  bool has_kept(std::size_t bytes) const;
  // Sees to that, for who has the time.
  void prepare(std::size_t bytes);
  std::size_t used_bytes() const {
    return used_.load(std::memory_order_relaxed) * kChunk + other_.load(std::memory_order_relaxed);
  }
  std::size_t kept_bytes_max() const { return kept_chunks_ * kChunk; }

 private:
  char* allocate();
  void keep(char* chunk);
  void free(char* chunk);

  const std::size_t kept_chunks_;
  std::atomic<std::size_t> chunks_{0};
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> other_{0};
  mutable std::mutex mutex_;
  std::vector<char*> kept_;  // guarded by mutex_
};

}  // namespace sojourn::server
