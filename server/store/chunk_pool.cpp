#include "server/store/chunk_pool.h"

#include <sys/mman.h>

#include <algorithm>
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
  return allocate();
}

char* ChunkPool::allocate() {
  void* chunk = ::operator new(kChunk, std::align_val_t(kChunk));
  // Without huge pages it works, too.
  (void)::madvise(chunk, kChunk, MADV_HUGEPAGE);
  chunks_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<char*>(chunk);
}

bool ChunkPool::has_kept(std::size_t bytes) const {
  const std::size_t chunks = std::min((bytes + kChunk - 1) / kChunk, kept_chunks_);
  const std::lock_guard lock(mutex_);
  return kept_.size() >= chunks;
}

void ChunkPool::prepare(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  while (!has_kept(bytes)) {
    char* const chunk = allocate();
    for (std::size_t at = 0; at < kChunk; at += kPage) static_cast<volatile char*>(chunk)[at] = 0;
    keep(chunk);
  }
}

void ChunkPool::give_back(char* chunk) {
  used_.fetch_sub(1, std::memory_order_relaxed);
  keep(chunk);
}

void ChunkPool::keep(char* chunk) {
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
