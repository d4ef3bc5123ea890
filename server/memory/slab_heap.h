#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "server/base/lock.h"
#include "server/memory/region.h"
#include "server/memory/region_source.h"
#include "server/memory/size_class.h"

namespace sojourn::server {

// A part of the heap that one thread, or a few, take from: so that threads do not meet.
struct alignas(64) Arena {
  Lock lock;
  std::atomic<std::size_t> used_bytes{0};         // changed under lock
  std::atomic<std::int64_t> malloc_bytes{0};      // what others have freed is below 0 there
  std::array<Slab*, size_class::kCount> roomy{};  // slabs with room, by size
};

// Memory for entries and tables: blocks of finely graded sizes in slabs of 64 KiB and a little
// more, cut from regions of 2 MiB that all sizes share. A block has no head. Blocks whose size is
// a multiple of 64 are aligned to 64, the others to 8.
//
// Threading: any thread may take and free any block; what is for Evacuation is one thread's.
// Giving back: a region goes back to the system when nothing in it is in use, in give_back();
// Evacuation empties regions that are in use a little. Until then the memory is not the system's.
// Blocks beyond size_class::kLargest come from malloc.
class SlabHeap {
 public:
  SlabHeap() = default;
  ~SlabHeap();  // with whatever is in use
  SlabHeap(const SlabHeap&) = delete;
  SlabHeap& operator=(const SlabHeap&) = delete;

  // What a block of `bytes` takes.
  static std::size_t rounded(std::size_t bytes) {
    if (bytes > size_class::kLargest) return (bytes + 63) & ~std::size_t{63};
    return size_class::bytes_of(size_class::index_of(bytes));
  }
  // Never null; `bytes` in [1, 2^48].
  void* allocate(std::size_t bytes);
  // `bytes`: as asked for, or rounded.
  void free(void* block, std::size_t bytes);
  // A copy elsewhere, in place of the block, which is free afterwards. `bytes` up to kLargest.
  void* move(void* block, std::size_t bytes);

  // What is in use that comes from malloc: blocks, and what their owners say they have there beside
  // them.
  std::size_t malloc_bytes() const;
  // So much more of that is in use now, or less.
  void count_malloc(std::int64_t bytes) {
    arenas_[arena_of_this_thread()].malloc_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
  // Blocks in use, and the regions they are in. Without blocks from malloc.
  std::size_t used_bytes() const;
  std::size_t mapped_bytes() const {
    return regions_count_.load(std::memory_order_relaxed) * Region::kBytes;
  }

  // --- for Evacuation, in one thread at a time ---
  // Gives a region back to the system. True when it did: there may be more.
  bool give_back();
  // Up to kRegionsAtOnce regions from number `from` on; none at the end. They stay until
  // give_back().
  static constexpr std::size_t kRegionsAtOnce = 16;
  std::vector<Region*> regions(std::size_t from);
  static std::size_t used_bytes(Region& region);
  // From now on nothing is allocated in the region, until stay().
  void leave(Region& region);
  // True when the region is empty.
  bool stay(Region& region);

 private:
  static constexpr std::size_t kArenas = 16;
  static constexpr std::size_t kEmptyKept = 1;
  // The first regions take memory page by page: a small server stays small.
  static constexpr std::size_t kSmallPageRegions = 32;

  static std::size_t arena_of_this_thread();
  void* take_from(Arena& arena, std::size_t size_index);
  Slab& new_slab(Arena& arena, std::size_t size_index);
  Region& region_with(std::uint32_t units);
  void end_slab(Slab& slab);
  static void list(Slab& slab);
  static void unlist(Slab& slab);
  void list(Region& region);
  void unlist(Region& region);

  std::array<Arena, kArenas> arenas_;

  // Taken with an arena's lock held, never the other way round.
  Lock regions_lock_;
  RegionSource source_;
  std::vector<Region*> regions_;
  std::array<Region*, Region::kUnits + 1> with_run_{};  // by their longest run of free units
  std::size_t empty_ = 0;                               // in the last of these lists
  std::atomic<std::size_t> regions_count_{0};
};

}  // namespace sojourn::server
