#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <set>

namespace sojourn::server {

// Memory in chunks of one huge page, kept for the next who wants some: memtables come and go by the
// 64 MiB, and getting pages from the kernel and giving them back costs a put 0.3 us, or 3 ms for a
// value of 8 MB, and flushing pauses of milliseconds.
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

  // So many chunks, one behind the other; their content is whatever it was. Each is given back by
  // itself.
  char* take(std::size_t chunks = 1);
  void give_back(char* chunk);
  // In use and kept.
  std::size_t bytes() const { return chunks_.load(std::memory_order_relaxed) * kChunk; }
  std::size_t used_bytes() const { return used_.load(std::memory_order_relaxed) * kChunk; }
  std::size_t kept_bytes_max() const { return kept_chunks_ * kChunk; }

 private:
  char* take_kept(std::size_t chunks);
  static void free(char* chunk);

  const std::size_t kept_chunks_;
  std::atomic<std::size_t> chunks_{0};
  std::atomic<std::size_t> used_{0};
  std::mutex mutex_;
  std::set<char*> kept_;  // guarded by mutex_
};

}  // namespace sojourn::server
