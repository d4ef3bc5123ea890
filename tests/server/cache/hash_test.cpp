#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "server/cache/large_hash.h"
#include "server/cache/packed_hash.h"

namespace sojourn::server {
namespace {

TEST(PackedHash, HoldsWhatAMapHolds) {
  std::mt19937 random(1);
  std::map<std::string, std::string> model;
  std::string packed;
  for (int step = 0; step < 3000; ++step) {
    const std::string field = "field" + std::to_string(random() % 50);
    if (random() % 3 == 0 && !model.empty()) {
      auto [bytes, erased] = packed_hash::without(packed, field);
      EXPECT_EQ(erased, model.erase(field) == 1);
      packed = bytes;
    } else {
      const std::string value(random() % 300, 'v');
      auto [bytes, replaced] = packed_hash::with(packed, field, value);
      EXPECT_EQ(replaced, !model.insert_or_assign(field, value).second);
      packed = bytes;
    }
    ASSERT_EQ(packed_hash::size(packed), model.size());
    EXPECT_EQ(packed_hash::well_formed(packed), !model.empty());
  }
  for (const auto& [field, value] : model) EXPECT_EQ(packed_hash::get(packed, field), value);
}

TEST(PackedHash, DamagedBytesAreNeverReadBeyond) {
  std::string packed = packed_hash::with({}, "name", std::string(200, 'x')).first;
  for (std::size_t cut = 0; cut < packed.size(); ++cut) {
    EXPECT_FALSE(packed_hash::well_formed(std::string_view(packed).substr(0, cut)));
  }
  packed[4] = '\xff';
  EXPECT_FALSE(packed_hash::well_formed(packed));
}

TEST(LargeHash, HoldsWhatAMapHoldsThroughSplits) {
  std::mt19937 random(2);
  LargeHash hash(1);
  std::map<std::string, std::string> model;
  for (int step = 0; step < 60'000; ++step) {
    const std::string field = "f" + std::to_string(random() % 40'000);
    if (step % 5 == 0) {
      EXPECT_EQ(hash.erase(field), model.erase(field) == 1);
    } else {
      const std::string value = std::to_string(step);
      EXPECT_EQ(hash.put(field, value), model.insert_or_assign(field, value).second);
    }
  }
  EXPECT_EQ(hash.size(), model.size());
  std::map<std::string, std::string> seen;
  hash.for_each([&](auto field, auto value) { seen.emplace(field, value); });
  EXPECT_EQ(seen, model);
}

TEST(LargeHash, AScanMeetsEveryFieldThoughTheHashGrowsMeanwhile) {
  LargeHash hash(1);
  for (int i = 0; i < 6000; ++i) hash.put("old" + std::to_string(i), "v");
  std::set<std::string> seen;
  std::uint64_t cursor = 0;
  int added = 0;
  do {
    cursor = hash.scan(cursor, 50, [&](auto field, auto) { seen.emplace(field); });
    EXPECT_LT(cursor, std::uint64_t{1} << 53);
    for (int i = 0; i < 200 && added < 30'000; ++i) hash.put("new" + std::to_string(added++), "v");
  } while (cursor != 0);
  for (int i = 0; i < 6000; ++i) EXPECT_TRUE(seen.contains("old" + std::to_string(i)));
}

TEST(LargeHash, IsGivenBackInSmallSteps) {
  LargeHash hash(1);
  for (int i = 0; i < 10'000; ++i) hash.put(std::to_string(i), "v");
  int steps = 1;
  while (!hash.drain(100)) ++steps;
  EXPECT_GT(steps, 50);
  EXPECT_EQ(hash.bytes(), 0u);
}

TEST(LargeHash, RandomFieldsAreSpreadOverTheHash) {
  LargeHash hash(1);
  for (int i = 0; i < 1000; ++i) hash.put(std::to_string(i), "v");
  std::set<std::string> seen;
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) seen.emplace(hash.random(random()).first);
  EXPECT_GT(seen.size(), 950u);
}

}  // namespace
}  // namespace sojourn::server
