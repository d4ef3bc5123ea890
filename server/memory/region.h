#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sojourn::server {

struct Arena;

// Some units of a region in a row, cut into blocks of one size for one arena. Only the first unit's
// Slab is used. Guarded by the arena's lock but for what is atomic.
struct alignas(64) Slab {
  std::atomic<Arena*> arena{nullptr};  // null: not in use
  Slab* next = nullptr;                // of the slabs with room, of its arena and size
  Slab* previous = nullptr;
  // Places are counted in bytes from the region's begin.
  std::uint32_t freed = 0;  // the last block that was freed, which says where the one before is; 0
  std::uint32_t fresh = 0;  // from here on nothing was ever used
  std::uint32_t end = 0;
  std::uint32_t block_bytes = 0;
  std::atomic<std::uint32_t> used_bytes{0};  // of whole blocks
  std::uint16_t size_index = 0;
  std::uint8_t units = 0;
  bool listed = false;   // among the slabs with room
  bool leaving = false;  // gives no blocks out
};
static_assert(sizeof(Slab) == 64);

// Memory the size of a huge page, aligned to its size, so that a block's address tells its region.
// This head stands at its begin, in the first unit.
//
// Threading: what is said of SlabHeap's lock or the arenas'.
class Region {
 public:
  static constexpr std::size_t kBytes = std::size_t{2} << 20;
  static constexpr std::size_t kUnitBytes = 64 * 1024;
  static constexpr std::uint32_t kUnits = kBytes / kUnitBytes;

  // `huge`: in a huge page, if the system has one: there all at once, and quicker to reach.
  static Region* map(bool huge);
  static void unmap(Region* region);
  static Region& of(const void* block) {
    return *reinterpret_cast<Region*>(reinterpret_cast<std::uintptr_t>(block) & ~(kBytes - 1));
  }

  char* at(std::uint32_t place) { return reinterpret_cast<char*>(this) + place; }
  std::uint32_t place_of(const void* block) const {
    return static_cast<std::uint32_t>(static_cast<const char*>(block) -
                                      reinterpret_cast<const char*>(this));
  }
  Slab& slab_of(const void* block) { return slabs_[first_[place_of(block) / kUnitBytes]]; }
  std::array<Slab, kUnits>& slabs() { return slabs_; }

  // --- units; under the heap's lock ---
  bool empty() const { return free_units_ == kAllUnits; }
  std::uint32_t longest_run() const;
  // There must be such a run.
  Slab& take(std::uint32_t units);
  void put_back(const Slab& slab);

  // What the heap and an evacuation note about it.
  Region* next = nullptr;  // of the regions with as long a run
  Region* previous = nullptr;
  std::size_t index = 0;      // among all
  std::uint32_t run = 0;      // the list it is in; 0: none
  bool leaving = false;       // gives no units out
  std::uint8_t level = 0xff;  // how full it was when looked at; 0xff: not looked at yet

 private:
  static constexpr std::uint32_t kAllUnits = 0xffffffff;

  Region() = default;

  std::array<Slab, kUnits> slabs_;
  std::array<std::uint8_t, kUnits> first_{};  // of each unit's slab
  std::uint32_t free_units_ = kAllUnits;
};

}  // namespace sojourn::server
