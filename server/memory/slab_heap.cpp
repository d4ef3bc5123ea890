#include "server/memory/slab_heap.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// How many units a slab has: as few as leave under a hundredth of it unused at its end. Powers of
// two, which fill a region.
constexpr std::uint32_t units_for(std::size_t block_bytes) {
  constexpr std::uint32_t kUnitsMax = 8;
  std::uint32_t best = 1;
  double least = 1;
  for (std::uint32_t units = 1; units <= kUnitsMax && least >= 0.01; units *= 2) {
    const std::size_t bytes = units * Region::kUnitBytes;
    const double lost = static_cast<double>(bytes % block_bytes) / static_cast<double>(bytes);
    if (lost < least) {
      least = lost;
      best = units;
    }
  }
  return best;
}

constexpr auto kUnitsFor = [] {
  std::array<std::uint8_t, size_class::kCount> units{};
  for (std::size_t i = 0; i < units.size(); ++i) {
    units[i] = static_cast<std::uint8_t>(units_for(size_class::bytes_of(i)));
  }
  return units;
}();

}  // namespace

SlabHeap::~SlabHeap() {
  for (Region* const region : regions_) Region::unmap(region);
}

std::size_t SlabHeap::arena_of_this_thread() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number % kArenas;
}

void* SlabHeap::allocate(std::size_t bytes) {
  if (bytes > size_class::kLargest) {
    CHECK(bytes <= std::size_t{1} << 48);
    void* const block = std::aligned_alloc(64, rounded(bytes));
    CHECK(block != nullptr);
    count_malloc(static_cast<std::int64_t>(rounded(bytes)));
    return block;
  }
  CHECK(bytes > 0);
  return take_from(arenas_[arena_of_this_thread()], size_class::index_of(bytes));
}

void* SlabHeap::take_from(Arena& arena, std::size_t size_index) {
  const std::lock_guard guard(arena.lock);
  Slab* slab = arena.roomy[size_index];
  if (slab == nullptr) slab = &new_slab(arena, size_index);
  Region& region = Region::of(slab);
  const std::uint32_t bytes = slab->block_bytes;
  char* block;
  if (slab->freed != 0) {
    block = region.at(slab->freed);
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    std::memcpy(&slab->freed, block, sizeof slab->freed);
  } else {
    block = region.at(slab->fresh);
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    slab->fresh += bytes;
  }
  slab->used_bytes.store(slab->used_bytes.load(std::memory_order_relaxed) + bytes,
                         std::memory_order_relaxed);
  arena.used_bytes.store(arena.used_bytes.load(std::memory_order_relaxed) + bytes,
                         std::memory_order_relaxed);
  if (slab->freed == 0 && slab->fresh + bytes > slab->end) unlist(*slab);
  return block;
}

void SlabHeap::free(void* block, std::size_t bytes) {
  if (bytes > size_class::kLargest) {
    count_malloc(-static_cast<std::int64_t>(rounded(bytes)));
    return std::free(block);
  }
  Region& region = Region::of(block);
  Slab& slab = region.slab_of(block);
  Arena* const arena = slab.arena.load(std::memory_order_relaxed);
  CHECK(arena != nullptr && slab.size_index == size_class::index_of(bytes));
  const std::lock_guard guard(arena->lock);
  std::memcpy(block, &slab.freed, sizeof slab.freed);
  ASAN_POISON_MEMORY_REGION(block, slab.block_bytes);
  slab.freed = region.place_of(block);
  const std::uint32_t used = slab.used_bytes.load(std::memory_order_relaxed) - slab.block_bytes;
  slab.used_bytes.store(used, std::memory_order_relaxed);
  arena->used_bytes.store(arena->used_bytes.load(std::memory_order_relaxed) - slab.block_bytes,
                          std::memory_order_relaxed);
  if (!slab.listed && !slab.leaving) list(slab);
  // The last one of its size is kept: it may be wanted again at once.
  const bool last = slab.listed && slab.next == nullptr && slab.previous == nullptr;
  if (used == 0 && !last) end_slab(slab);
}

void* SlabHeap::move(void* block, std::size_t bytes) {
  Arena* const arena = Region::of(block).slab_of(block).arena.load(std::memory_order_relaxed);
  CHECK(arena != nullptr && bytes <= size_class::kLargest);
  void* const copy = take_from(*arena, size_class::index_of(bytes));
  std::memcpy(copy, block, bytes);
  free(block, bytes);
  return copy;
}

std::size_t SlabHeap::used_bytes() const {
  std::size_t bytes = 0;
  for (const Arena& arena : arenas_) bytes += arena.used_bytes.load(std::memory_order_relaxed);
  return bytes;
}

std::size_t SlabHeap::malloc_bytes() const {
  std::int64_t bytes = 0;
  for (const Arena& arena : arenas_) bytes += arena.malloc_bytes.load(std::memory_order_relaxed);
  // Who frees while this sums may be seen before who allocated.
  return static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0));
}

// --- slabs; under their arena's lock ---

Slab& SlabHeap::new_slab(Arena& arena, std::size_t size_index) {
  const std::uint32_t units = kUnitsFor[size_index];
  const std::lock_guard guard(regions_lock_);
  Region& region = region_with(units);
  unlist(region);
  Slab& slab = region.take(units);
  list(region);
  slab.freed = 0;
  slab.block_bytes = static_cast<std::uint32_t>(size_class::bytes_of(size_index));
  slab.size_index = static_cast<std::uint16_t>(size_index);
  slab.leaving = false;
  slab.arena.store(&arena, std::memory_order_relaxed);
  list(slab);
  return slab;
}

void SlabHeap::end_slab(Slab& slab) {
  unlist(slab);
  slab.arena.store(nullptr, std::memory_order_relaxed);
  const std::lock_guard guard(regions_lock_);
  Region& region = Region::of(&slab);
  unlist(region);
  region.put_back(slab);
  list(region);
}

void SlabHeap::list(Slab& slab) {
  Slab*& first = slab.arena.load(std::memory_order_relaxed)->roomy[slab.size_index];
  slab.previous = nullptr;
  slab.next = first;
  if (first != nullptr) first->previous = &slab;
  first = &slab;
  slab.listed = true;
}

void SlabHeap::unlist(Slab& slab) {
  if (!slab.listed) return;
  Slab*& first = slab.arena.load(std::memory_order_relaxed)->roomy[slab.size_index];
  (slab.previous != nullptr ? slab.previous->next : first) = slab.next;
  if (slab.next != nullptr) slab.next->previous = slab.previous;
  slab.listed = false;
}

// --- regions; under their lock ---

Region& SlabHeap::region_with(std::uint32_t units) {
  std::uint32_t run = units;
  while (run < Region::kUnits && with_run_[run] == nullptr) ++run;
  const bool huge = regions_.size() >= kSmallPageRegions;
  if (with_run_[run] == nullptr) {
    Region* const region = huge ? source_.take() : Region::map(false);
    region->index = regions_.size();
    regions_.push_back(region);
    regions_count_.store(regions_.size(), std::memory_order_relaxed);
    list(*region);
  } else if (run == Region::kUnits / 2 && huge) {
    // Half of one is left; when that is used up, it is too late to begin.
    source_.expect();
  }
  return *with_run_[run];
}

void SlabHeap::list(Region& region) {
  region.run = region.leaving ? 0 : region.longest_run();
  if (region.run == 0) return;
  Region*& first = with_run_[region.run];
  region.previous = nullptr;
  region.next = first;
  if (first != nullptr) first->previous = &region;
  first = &region;
  empty_ += region.run == Region::kUnits;
}

void SlabHeap::unlist(Region& region) {
  if (region.run == 0) return;
  (region.previous != nullptr ? region.previous->next : with_run_[region.run]) = region.next;
  if (region.next != nullptr) region.next->previous = region.previous;
  empty_ -= region.run == Region::kUnits;
  region.run = 0;
}

// --- for Evacuation ---

bool SlabHeap::give_back() {
  Region* region;
  {
    const std::lock_guard guard(regions_lock_);
    if (empty_ <= kEmptyKept) return false;
    region = with_run_[Region::kUnits];
    unlist(*region);
    regions_[region->index] = regions_.back();
    regions_[region->index]->index = region->index;
    regions_.pop_back();
    regions_count_.store(regions_.size(), std::memory_order_relaxed);
  }
  Region::unmap(region);
  source_.stop();
  return true;
}

std::vector<Region*> SlabHeap::regions(std::size_t from) {
  const std::lock_guard guard(regions_lock_);
  from = std::min(from, regions_.size());
  const std::size_t count = std::min(kRegionsAtOnce, regions_.size() - from);
  const auto begin = regions_.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

std::size_t SlabHeap::used_bytes(Region& region) {
  std::size_t bytes = 0;
  for (const Slab& slab : region.slabs()) bytes += slab.used_bytes.load(std::memory_order_relaxed);
  return bytes;
}

void SlabHeap::leave(Region& region) {
  {
    const std::lock_guard guard(regions_lock_);
    unlist(region);
    region.leaving = true;
  }
  for (Slab& slab : region.slabs()) {
    Arena* const arena = slab.arena.load(std::memory_order_relaxed);
    if (arena == nullptr) continue;
    const std::lock_guard guard(arena->lock);
    if (slab.arena.load(std::memory_order_relaxed) != arena) continue;  // ended meanwhile
    unlist(slab);
    slab.leaving = true;
    if (slab.used_bytes.load(std::memory_order_relaxed) == 0) end_slab(slab);
  }
}

bool SlabHeap::stay(Region& region) {
  for (Slab& slab : region.slabs()) {
    Arena* const arena = slab.arena.load(std::memory_order_relaxed);
    if (arena == nullptr) continue;
    const std::lock_guard guard(arena->lock);
    if (slab.arena.load(std::memory_order_relaxed) != arena) continue;
    slab.leaving = false;
    if (slab.freed != 0 || slab.fresh + slab.block_bytes <= slab.end) list(slab);
  }
  const std::lock_guard guard(regions_lock_);
  region.leaving = false;
  unlist(region);
  list(region);
  return region.empty();
}

}  // namespace sojourn::server
