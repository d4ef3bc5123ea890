#include "server/store/chunk_pool.h"

#include <sys/mman.h>

#include <cstdint>
#include <iterator>
#include <new>

namespace sojourn::server {
namespace {

constexpr std::size_t kChunk = ChunkPool::kChunk;

// Of the kernel itself, which takes any part of it back.
char* map(std::size_t chunks) {
  const std::size_t bytes = chunks * kChunk;
  void* mapped =
      ::mmap(nullptr, bytes + kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kChunk;
  if (before > 0) ::munmap(begin, before);
  char* const aligned = begin + before;
  ::munmap(aligned + bytes, kChunk - before);
  // Without huge pages it works, too.
  (void)::madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}

}  // namespace

ChunkPool::~ChunkPool() {
  for (char* chunk : kept_) free(chunk);
}

char* ChunkPool::take(std::size_t chunks) {
  used_.fetch_add(chunks, std::memory_order_relaxed);
  if (char* kept = take_kept(chunks)) return kept;
  chunks_.fetch_add(chunks, std::memory_order_relaxed);
  return map(chunks);
}

// The first that lie together; nullptr if none do.
char* ChunkPool::take_kept(std::size_t chunks) {
  const std::lock_guard lock(mutex_);
  std::size_t together = 0;
  char* end = nullptr;
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    together = *at == end ? together + 1 : 1;
    end = *at + kChunk;
    if (together < chunks) continue;
    const auto after = std::next(at);
    kept_.erase(kept_.find(end - chunks * kChunk), after);
    return end - chunks * kChunk;
  }
  return nullptr;
}

void ChunkPool::give_back(char* chunk) {
  used_.fetch_sub(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kept_chunks_) {
      kept_.insert(chunk);
      return;
    }
  }
  chunks_.fetch_sub(1, std::memory_order_relaxed);
  free(chunk);
}

void ChunkPool::free(char* chunk) { ::munmap(chunk, kChunk); }

}  // namespace sojourn::server
