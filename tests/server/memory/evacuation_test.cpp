#include "server/memory/evacuation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace sojourn::server {
namespace {

// Owners of numbered blocks, which they move when they are asked to.
class EvacuationTest : public ::testing::Test {
 protected:
  struct Block {
    char* at;
    std::size_t bytes;
    std::uint32_t number;
  };

  void fill(std::size_t count, std::size_t bytes_min, std::size_t bytes_max) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t bytes = bytes_min + random_() % (bytes_max - bytes_min + 1);
      add(bytes);
    }
  }
  void add(std::size_t bytes) {
    const auto number = static_cast<std::uint32_t>(random_());
    auto* const at = static_cast<char*>(heap_.allocate(bytes));
    std::memcpy(at, &number, sizeof number);
    std::memcpy(at + bytes - sizeof number, &number, sizeof number);
    blocks_.push_back({at, bytes, number});
  }
  // Each with this probability.
  void free_some(double share) {
    std::erase_if(blocks_, [&](const Block& block) {
      if (std::uniform_real_distribution<>()(random_) >= share) return false;
      heap_.free(block.at, block.bytes);
      return true;
    });
  }
  void walk() {
    for (Block& block : blocks_) {
      if (evacuation_.leaving(block.at)) {
        block.at = static_cast<char*>(heap_.move(block.at, block.bytes));
        ++moved_;
      }
    }
    evacuation_.walked();
  }
  // Until there is nothing to do; it ends, or the test does by its time limit.
  void evacuate() {
    for (;;) {
      while (evacuation_.step(1)) {
      }
      if (evacuation_.number() == 0) return;
      walk();
    }
  }
  bool all_whole() const {
    return std::ranges::all_of(blocks_, [](const Block& block) {
      return std::memcmp(block.at, &block.number, 4) == 0 &&
             std::memcmp(block.at + block.bytes - 4, &block.number, 4) == 0;
    });
  }
  double mapped_per_used() const {
    return static_cast<double>(heap_.mapped_bytes()) / static_cast<double>(heap_.used_bytes());
  }

  std::mt19937 random_{1};
  SlabHeap heap_;
  Evacuation evacuation_{heap_};
  std::vector<Block> blocks_;
  std::size_t moved_ = 0;
};

TEST_F(EvacuationTest, AfterHalfIsFreedTheMemoryIsWithinATenthOfWhatIsInUse) {
  fill(400'000, 576, 576);
  free_some(0.5);
  ASSERT_GT(mapped_per_used(), 1.9);
  evacuate();
  EXPECT_LT(mapped_per_used(), 1.1);
  EXPECT_TRUE(all_whole());
}

TEST_F(EvacuationTest, AfterNearlyAllIsFreedLittleIsLeft) {
  fill(400'000, 576, 576);
  free_some(0.99);
  evacuate();
  EXPECT_LT(heap_.mapped_bytes(), heap_.used_bytes() + 6 * Region::kBytes);
  EXPECT_TRUE(all_whole());
}

TEST_F(EvacuationTest, SizesOfAllSortsComeTogetherToo) {
  fill(200'000, 100, 3000);
  free_some(0.5);
  evacuate();
  EXPECT_LT(mapped_per_used(), 1.15);
  EXPECT_TRUE(all_whole());
}

TEST_F(EvacuationTest, NothingIsMovedWhereNothingCanBeWon) {
  fill(200'000, 576, 576);
  free_some(0.03);
  evacuate();
  EXPECT_EQ(moved_, 0u);
}

// Each block's slab is its own: moving it wins nothing, and is not tried for ever.
TEST_F(EvacuationTest, EndsWhereBlocksOfOtherSizesCannotUseWhatIsFree) {
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < size_class::kCount; ++i) add(size_class::bytes_of(i));
  }
  free_some(0.9);
  evacuate();
  EXPECT_TRUE(all_whole());
}

TEST_F(EvacuationTest, WhatIsAllocatedMeanwhileIsNotInTheWay) {
  fill(200'000, 576, 576);
  free_some(0.5);
  while (evacuation_.step(1)) {
  }
  ASSERT_NE(evacuation_.number(), 0u);
  for (int i = 0; i < 50'000; ++i) {
    add(576);
    ASSERT_FALSE(evacuation_.leaving(blocks_.back().at));
  }
  walk();
  evacuate();
  EXPECT_LT(mapped_per_used(), 1.1);
}

TEST_F(EvacuationTest, WaitsForEveryWalkerBeforeItGoesOn) {
  fill(200'000, 576, 576);
  free_some(0.5);
  while (evacuation_.step(2)) {
  }
  const std::uint64_t number = evacuation_.number();
  ASSERT_NE(number, 0u);
  walk();
  EXPECT_FALSE(evacuation_.step(2));
  EXPECT_EQ(evacuation_.number(), number);
  evacuation_.walked();
  EXPECT_TRUE(evacuation_.step(2));
  EXPECT_EQ(evacuation_.number(), 0u);
}

// A walker that cannot get at some blocks for now (they are on their way elsewhere).
TEST_F(EvacuationTest, BlocksThatStayWhereTheyAreDoNoHarm) {
  fill(200'000, 576, 576);
  free_some(0.5);
  std::vector<Block> held;
  for (std::size_t i = 0; i < blocks_.size(); i += 10'000) held.push_back(blocks_[i]);
  std::erase_if(blocks_, [&](const Block& block) {
    return std::ranges::any_of(held, [&](const Block& other) { return other.at == block.at; });
  });
  evacuate();
  EXPECT_LT(mapped_per_used(), 1.6);
  blocks_.insert(blocks_.end(), held.begin(), held.end());
  EXPECT_TRUE(all_whole());
}

}  // namespace
}  // namespace sojourn::server
