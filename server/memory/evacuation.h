#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/memory/slab_heap.h"

namespace sojourn::server {

// Gets memory back from a heap that has become sparse: chooses the regions with least in use, has
// whoever owns the blocks in them move these elsewhere (SlabHeap::move), and returns the regions
// to the system. Nothing is done unless a sixteenth of what is in use can be won.
//
// One thread makes the steps; any number of walkers, one of which may be that thread, go through
// all they own whenever number() changes to another than 0, move what is leaving(), and say
// walked().
class Evacuation {
 public:
  explicit Evacuation(SlabHeap& heap) : heap_(heap) {}

  // Looks whether there is something to do, and does a piece of it, of less than 0.2 ms. True when
  // there is more to do at once: false as long as the walkers walk.
  bool step(std::size_t walkers);

  // The evacuation under way; 0: none. Every one has another number.
  std::uint64_t number() const { return number_.load(std::memory_order_acquire); }
  // Whether the block is to be moved. For walkers, between a number() and their walked(). Any
  // address may be asked for.
  bool leaving(const void* block) const {
    const std::uintptr_t region = region_number(block);
    for (std::size_t at = home_of(region);; at = (at + 1) & (leaving_set_.size() - 1)) {
      if (leaving_set_[at] == region) return true;
      if (leaving_set_[at] == 0) return false;
    }
  }
  void walked() { walked_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  static constexpr std::size_t kLevels = 64;
  static constexpr std::size_t kWorthwhileMin = 4 * Region::kBytes;

  enum class Stage { idle, survey, leave, walk, stay };

  static std::uintptr_t region_number(const void* block) {
    return reinterpret_cast<std::uintptr_t>(block) / Region::kBytes;
  }
  std::size_t home_of(std::uintptr_t region) const { return region & (leaving_set_.size() - 1); }

  std::size_t free_bytes() const;
  bool worthwhile();
  bool survey();
  bool choose();
  bool leave();
  bool stay();
  void remember(Region& region);

  SlabHeap& heap_;
  Stage stage_ = Stage::idle;
  std::size_t at_ = 0;  // regions the stage has done

  // After an evacuation that won little: what was free then, and is not worth another try.
  std::size_t hopeless_bytes_ = 0;

  // By how full they are: regions, and bytes in use in them.
  std::array<std::size_t, kLevels> regions_at_{};
  std::array<std::size_t, kLevels> used_at_{};
  std::size_t level_max_ = 0;     // regions up to this level leave,
  std::size_t of_level_max_ = 0;  // of those at this level so many
  std::vector<Region*> leaving_;
  std::vector<std::uintptr_t> leaving_set_;  // the same by number; open addressing

  std::uint64_t last_number_ = 0;
  std::atomic<std::uint64_t> number_{0};
  std::atomic<std::size_t> walked_{0};
  std::size_t mapped_before_ = 0;
  std::size_t emptied_ = 0;
};

}  // namespace sojourn::server
