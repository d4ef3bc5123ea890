#include "server/store/chunk_pool.h"

#include <sys/mman.h>

#include <new>

namespace sojourn::server {

ChunkPool::~ChunkPool() {
  for (char* chunk : kept_) free(chunk);
}

char* ChunkPool::take() {
  used_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (!kept_.empty()) {
      char* chunk = kept_.back();
      kept_.pop_back();
      return chunk;
    }
  }
  void* chunk = ::operator new(kChunk, std::align_val_t(kChunk));
  // Without huge pages it works, too.
  (void)::madvise(chunk, kChunk, MADV_HUGEPAGE);
  chunks_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<char*>(chunk);
}

void ChunkPool::give_back(char* chunk) {
  used_.fetch_sub(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kept_chunks_) {
      kept_.push_back(chunk);
      return;
    }
  }
  free(chunk);
}

void ChunkPool::free(char* chunk) {
  ::operator delete(chunk, std::align_val_t(kChunk));
  chunks_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace sojourn::server
