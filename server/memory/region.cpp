#include "server/memory/region.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "server/base/check.h"

namespace sojourn::server {
namespace {

// Where `units` ones in a row begin, as a mask.
std::uint32_t runs_of(std::uint32_t mask, std::uint32_t units) {
  for (; units > 1 && mask != 0; --units) mask &= mask >> 1;
  return mask;
}

bool aligned(const void* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % Region::kBytes == 0;
}

char* map_anywhere(std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  return static_cast<char*>(memory);
}

// Beside one that is aligned the kernel puts the next, so that it counts many as one mapping.
char* map_aligned() {
  char* const begin = map_anywhere(Region::kBytes);
  if (aligned(begin)) return begin;
  ::munmap(begin, Region::kBytes);
  char* const twice = map_anywhere(2 * Region::kBytes);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(twice) & (Region::kBytes - 1);
  if (before > 0) ::munmap(twice, before);
  ::munmap(twice + before + Region::kBytes, Region::kBytes - before);
  return twice + before;
}

}  // namespace

Region* Region::map(bool huge) {
  char* const begin = map_aligned();
  // Advice: where the kernel knows no huge pages, nothing is lost.
  (void)::madvise(begin, kBytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  auto* const region = new (begin) Region();
  ASAN_POISON_MEMORY_REGION(region->at(sizeof(Region)), kBytes - sizeof(Region));
  return region;
}

void Region::unmap(Region* region) {
  ASAN_UNPOISON_MEMORY_REGION(region, kBytes);
  CHECK(::munmap(region, kBytes) == 0);
}

std::uint32_t Region::longest_run() const {
  std::uint32_t run = 0;
  for (std::uint32_t mask = free_units_; mask != 0; mask &= mask >> 1) ++run;
  return run;
}

Slab& Region::take(std::uint32_t units) {
  const std::uint32_t runs = runs_of(free_units_, units);
  CHECK(units > 0 && runs != 0);
  const auto first = static_cast<std::uint32_t>(std::countr_zero(runs));
  free_units_ &= ~(kAllUnits >> (kUnits - units) << first);
  std::fill_n(first_.begin() + first, units, static_cast<std::uint8_t>(first));
  Slab& slab = slabs_[first];
  slab.units = static_cast<std::uint8_t>(units);
  slab.fresh = first == 0 ? sizeof(Region) : first * kUnitBytes;
  slab.end = (first + units) * kUnitBytes;
  return slab;
}

void Region::put_back(const Slab& slab) {
  const auto first = static_cast<std::uint32_t>(&slab - slabs_.data());
  free_units_ |= kAllUnits >> (kUnits - slab.units) << first;
}

static_assert(sizeof(Region) % 64 == 0);

}  // namespace sojourn::server
