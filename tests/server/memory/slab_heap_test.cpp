#include "server/memory/slab_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace sojourn::server {
namespace {

// A block full of one byte, so that blocks that overlap do not go unnoticed.
struct Block {
  char* at;
  std::size_t bytes;
  char fill;

  bool whole() const {
    return std::all_of(at, at + bytes, [this](char byte) { return byte == fill; });
  }
};

Block make(SlabHeap& heap, std::size_t bytes, char fill) {
  auto* const at = static_cast<char*>(heap.allocate(bytes));
  std::memset(at, fill, bytes);
  return {at, bytes, fill};
}

// Of all magnitudes alike, small ones and those beyond the largest slab among them.
std::size_t any_size(std::mt19937& random) {
  const std::size_t most = std::size_t{2} << random() % 16;
  return 1 + random() % most;
}

TEST(SlabHeap, BlocksKeepTheirBytesWhateverIsAllocatedFreedAndMoved) {
  std::mt19937 random(1);
  SlabHeap heap;
  std::vector<Block> blocks;
  std::size_t used = 0;
  const auto counted = [](std::size_t bytes) {
    return bytes <= size_class::kLargest ? SlabHeap::rounded(bytes) : 0;
  };
  for (int step = 0; step < 60'000; ++step) {
    // Waves: it grows for a while, then shrinks.
    const bool grow = (step / 10'000) % 2 == 0 ? random() % 3 != 0 : random() % 3 == 0;
    if (blocks.empty() || grow) {
      blocks.push_back(make(heap, any_size(random), static_cast<char>(random())));
      used += counted(blocks.back().bytes);
      continue;
    }
    std::swap(blocks[random() % blocks.size()], blocks.back());
    Block& block = blocks.back();
    if (random() % 4 == 0 && block.bytes <= size_class::kLargest) {
      block.at = static_cast<char*>(heap.move(block.at, block.bytes));
      ASSERT_TRUE(block.whole());
      continue;
    }
    ASSERT_TRUE(block.whole());
    used -= counted(block.bytes);
    heap.free(block.at, block.bytes);
    blocks.pop_back();
  }
  EXPECT_EQ(heap.used_bytes(), used);
  for (const Block& block : blocks) {
    ASSERT_TRUE(block.whole());
    heap.free(block.at, block.bytes);
  }
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(SlabHeap, ABlockMayBeFreedByItsRoundedSize) {
  SlabHeap heap;
  for (const std::size_t bytes : {1u, 100u, 513u, 5000u, 32'768u, 32'769u, 100'000u}) {
    heap.free(heap.allocate(bytes), SlabHeap::rounded(bytes));
  }
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(SlabHeap, MultiplesOfSixtyFourAreAlignedToThemAndAllOthersToEight) {
  SlabHeap heap;
  for (std::size_t bytes = 1; bytes < 70'000; bytes += bytes < 2048 ? 1 : 448) {
    const std::size_t alignment = bytes % 64 == 0 ? 64 : 8;
    for (int i = 0; i < 3; ++i) {
      void* const block = heap.allocate(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u) << bytes;
      if (bytes > size_class::kLargest) heap.free(block, bytes);
    }
  }
}

TEST(SlabHeap, ManyBlocksOfOneSizeTakeLittleMoreThanTheirBytes) {
  for (const std::size_t bytes : {192u, 576u, 1088u, 2112u, 4160u, 9000u, 20'000u}) {
    SlabHeap heap;
    const std::size_t count = 64'000'000 / bytes;
    for (std::size_t i = 0; i < count; ++i) heap.allocate(bytes);
    EXPECT_LT(heap.mapped_bytes(), 64'000'000 / 100 * 103 + Region::kBytes) << bytes;
  }
}

TEST(SlabHeap, AFewBlocksOfManySizesShareRegions) {
  SlabHeap heap;
  for (std::size_t bytes = 100; bytes < 10'000; bytes += 1000) heap.allocate(bytes);
  EXPECT_LE(heap.mapped_bytes(), 2 * Region::kBytes);
}

TEST(SlabHeap, GivesEmptyRegionsBackAndKeepsOneAtMost) {
  SlabHeap heap;
  std::vector<void*> blocks;
  for (int i = 0; i < 30'000; ++i) blocks.push_back(heap.allocate(1000));
  EXPECT_GT(heap.mapped_bytes(), 14 * Region::kBytes);
  EXPECT_FALSE(heap.give_back());
  for (void* const block : blocks) heap.free(block, 1000);
  while (heap.give_back()) {
  }
  EXPECT_LE(heap.mapped_bytes(), 2 * Region::kBytes);
}

TEST(SlabHeap, FreedBlocksOfOneSizeMakeRoomForAnother) {
  SlabHeap heap;
  std::vector<void*> blocks;
  for (int i = 0; i < 30'000; ++i) blocks.push_back(heap.allocate(1000));
  const std::size_t before = heap.mapped_bytes();
  for (void* const block : blocks) heap.free(block, 1000);
  for (int i = 0; i < 100'000; ++i) heap.allocate(280);
  EXPECT_LE(heap.mapped_bytes(), before);
}

// Threads free one another's blocks: each takes from a common pool what another has put there.
TEST(SlabHeap, AnyThreadMayFreeAnyBlock) {
  SlabHeap heap;
  std::mutex mutex;
  std::vector<Block> pool;
  const auto run = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int step = 0; step < 5000; ++step) {
      Block block = make(heap, any_size(random), static_cast<char>(seed));
      {
        const std::lock_guard guard(mutex);
        pool.push_back(block);
        if (random() % 8 == 0) continue;
        std::swap(pool[random() % pool.size()], pool.back());
        block = pool.back();
        pool.pop_back();
      }
      ASSERT_TRUE(block.whole());
      heap.free(block.at, block.bytes);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(run, seed);
  for (std::thread& thread : threads) thread.join();
  for (const Block& block : pool) {
    EXPECT_TRUE(block.whole());
    heap.free(block.at, block.bytes);
  }
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(SlabHeapDeathTest, ABlockIsNotFreedAsAnotherSize) {
  SlabHeap heap;
  void* const block = heap.allocate(100);
  EXPECT_DEATH(heap.free(block, 200), "CHECK failed");
}

}  // namespace
}  // namespace sojourn::server
