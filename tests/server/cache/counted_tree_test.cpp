#include "server/cache/counted_tree.h"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace sojourn::server {
namespace {

using Tree = CountedTree<int, std::less<>>;

std::vector<int> items(const Tree& tree, std::size_t first, std::size_t last, bool reverse) {
  std::vector<int> items;
  tree.visit(first, last, reverse, [&](int item) { items.push_back(item); });
  return items;
}

std::size_t less_than(const Tree& tree, int bound) {
  return tree.count_before([&](int item) { return item < bound; });
}

// Everything a tree answers, against a std::set.
void expect_same(const Tree& tree, const std::set<int>& model, std::mt19937& random) {
  ASSERT_EQ(tree.size(), model.size());
  const std::vector<int> all(model.begin(), model.end());
  ASSERT_EQ(items(tree, 0, all.size(), false), all);
  ASSERT_EQ(items(tree, 0, all.size(), true), std::vector<int>(all.rbegin(), all.rend()));
  for (int i = 0; i < 20; ++i) {
    const int bound = static_cast<int>(random() % 20'000);
    const auto place = std::distance(model.begin(), model.lower_bound(bound));
    ASSERT_EQ(less_than(tree, bound), static_cast<std::size_t>(place));
    const std::size_t first = random() % (all.size() + 1);
    const std::size_t last = first + random() % (all.size() + 1 - first);
    std::vector<int> part(all.begin() + static_cast<std::ptrdiff_t>(first),
                          all.begin() + static_cast<std::ptrdiff_t>(last));
    ASSERT_EQ(items(tree, first, last, false), part);
    ASSERT_EQ(items(tree, first, last, true), std::vector<int>(part.rbegin(), part.rend()));
  }
}

TEST(CountedTree, HoldsWhatASetHolds) {
  std::mt19937 random(1);
  Tree tree;
  std::set<int> model;
  // Grows, and shrinks to nothing, twice.
  for (int step = 0; step < 60'000; ++step) {
    const int item = static_cast<int>(random() % 20'000);
    const bool growing = step / 15'000 % 2 == 0;
    if (random() % 4 != 0 ? growing : !growing) {
      if (model.insert(item).second) tree.insert(item);
    } else {
      ASSERT_EQ(tree.erase(item), model.erase(item) == 1);
    }
    if (step % 1'000 == 0) expect_same(tree, model, random);
  }
  while (!model.empty()) {
    ASSERT_TRUE(tree.erase(*model.begin()));
    model.erase(model.begin());
  }
  expect_same(tree, model, random);
  EXPECT_EQ(tree.bytes(), 0u);
}

TEST(CountedTree, KeepsItsShapeHoweverItIsFilledAndEmptied) {
  for (const bool rising : {true, false}) {
    Tree tree;
    constexpr int kItems = 50'000;
    for (int i = 0; i < kItems; ++i) tree.insert(rising ? i : kItems - i);
    EXPECT_LT(tree.bytes(), kItems * sizeof(int) * 4);
    for (int i = 0; i < kItems; ++i) {
      const int item = rising ? i : kItems - i;
      if (i % 100 != 0) {
        ASSERT_TRUE(tree.erase(item));
      }
    }
    EXPECT_EQ(tree.size(), kItems / 100u);
    EXPECT_LT(tree.bytes(), kItems * sizeof(int) / 5);
  }
}

TEST(CountedTree, ItsNodesAreForgottenInSteps) {
  Tree tree;
  for (int i = 0; i < 10'000; ++i) tree.insert(i);
  int steps = 1;
  while (!tree.drain(10)) ++steps;
  EXPECT_GT(steps, 15);
  EXPECT_EQ(tree.bytes(), 0u);
}

TEST(CountedTree, EmptyOnesAnswer) {
  Tree tree;
  EXPECT_EQ(tree.size(), 0u);
  EXPECT_FALSE(tree.erase(1));
  EXPECT_EQ(less_than(tree, 5), 0u);
  EXPECT_TRUE(items(tree, 0, 10, false).empty());
}

}  // namespace
}  // namespace sojourn::server
