#include "server/cache/slot_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace sojourn::server {
namespace {

struct Item {
  SlotTable::Tag tag;
  int number;
};

SlotTable::Place find(const SlotTable& table, const Item& item) {
  return table.find<Item>(item.tag, [&](const Item& other) { return &other == &item; });
}

class SlotTableOfSize : public ::testing::TestWithParam<int> {};

TEST_P(SlotTableOfSize, HoldsWhatAMapHoldsThroughInsertsAndErasures) {
  std::mt19937 random(1);
  std::vector<Item> items(GetParam());
  for (int i = 0; i < GetParam(); ++i) items[i] = {static_cast<SlotTable::Tag>(random()), i};
  SlotTable table;
  std::set<const Item*> model;
  for (int step = 0; step < GetParam() * 6; ++step) {
    Item& item = items[random() % items.size()];
    if (model.insert(&item).second) {
      table.insert(item.tag, &item);
    } else if (step % 3 == 0) {
      model.erase(&item);
      table.erase(find(table, item));
    }
  }
  EXPECT_EQ(table.size(), model.size());
  for (const Item& item : items)
    EXPECT_EQ(static_cast<bool>(find(table, item)), model.contains(&item));
  std::set<const Item*> seen;
  table.visit_all<Item>([&](const Item& item) { EXPECT_TRUE(seen.insert(&item).second); });
  EXPECT_EQ(seen, model);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SlotTableOfSize, ::testing::Values(1, 7, 8, 100, 5000, 100'000));

TEST(SlotTable, AWalkByTagMeetsEveryItemOnceHoweverTheTableGrowsMeanwhile) {
  std::mt19937 random(2);
  std::vector<Item> there(500);
  std::vector<Item> added(5000);
  SlotTable table;
  for (Item& item : there) {
    item = {static_cast<SlotTable::Tag>(random()), 0};
    table.insert(item.tag, &item);
  }
  std::map<const Item*, int> seen;
  auto next = added.begin();
  for (std::uint32_t tag = 0; tag < SlotTable::kTags;) {
    tag = table.visit_from<Item>(tag, [&](const Item& item) { ++seen[&item]; });
    for (int i = 0; i < 40 && next != added.end(); ++i, ++next) {
      *next = {static_cast<SlotTable::Tag>(random()), 0};
      table.insert(next->tag, &*next);
    }
  }
  for (const Item& item : there) EXPECT_EQ(seen[&item], 1);
}

TEST(SlotTable, ItemsWithOneTagAreAllFound) {
  std::vector<Item> items(300, Item{7, 0});
  SlotTable table;
  for (Item& item : items) table.insert(item.tag, &item);
  for (Item& item : items) EXPECT_TRUE(find(table, item));
  EXPECT_EQ(table.away_from_home(7), 300 - SlotTable::kSlots);
}

TEST(SlotTable, ABucketNeverForgetsTheEarliestDueMomentWhenTheTableIsResized) {
  std::mt19937 random(3);
  std::vector<Item> items(3000);
  SlotTable table;
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i] = {static_cast<SlotTable::Tag>(random()), static_cast<int>(i)};
    table.insert(items[i].tag, &items[i]).lower_due(static_cast<DueSlot>(i));
    for (std::size_t j = 0; j <= i; j += 97) {
      EXPECT_LE(find(table, items[j]).bucket->due, static_cast<DueSlot>(j));
    }
  }
}

TEST(SlotTable, TakesLessThanElevenBytesAnItemWhenLarge) {
  std::mt19937 random(4);
  std::vector<Item> items(20'000);
  SlotTable table;
  for (Item& item : items) {
    item = {static_cast<SlotTable::Tag>(random()), 0};
    table.insert(item.tag, &item);
  }
  EXPECT_LT(table.bytes(), items.size() * 11);
}

TEST(SlotTable, StaysDenseAndMostItemsAtHomeWhileOthersComeAndGo) {
  std::mt19937 random(6);
  std::vector<Item> items(5000);
  SlotTable table;
  for (Item& item : items) {
    item = {static_cast<SlotTable::Tag>(random()), 0};
    table.insert(item.tag, &item);
  }
  for (int step = 0; step < 200'000; ++step) {
    Item& item = items[random() % items.size()];
    table.erase(find(table, item));
    item.tag = static_cast<SlotTable::Tag>(random());
    table.insert(item.tag, &item);
  }
  for (const Item& item : items) ASSERT_TRUE(find(table, item));
  std::size_t away = 0;
  for (std::uint32_t i = 0; i < table.buckets(); ++i) away += table.bucket(i).away;
  EXPECT_LT(away, items.size() / 4);
  EXPECT_LT(table.bytes(), items.size() * 11);
}

TEST(SlotTable, GivesItsMemoryBackWhenItemsGo) {
  std::mt19937 random(5);
  std::vector<Item> items(10'000);
  SlotTable table;
  for (Item& item : items) {
    item = {static_cast<SlotTable::Tag>(random()), 0};
    table.insert(item.tag, &item);
  }
  for (std::size_t i = 100; i < items.size(); ++i) table.erase(find(table, items[i]));
  EXPECT_LT(table.bytes(), 100 * 64u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_TRUE(find(table, items[i]));
}

}  // namespace
}  // namespace sojourn::server
