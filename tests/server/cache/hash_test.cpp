#include <gtest/gtest.h>
#include <malloc.h>

#include <map>
#include <random>
#include <set>

#include "server/cache/large_hash.h"
#include "server/cache/packed_deadlines.h"
#include "server/cache/packed_hash.h"
#include "server/cache/scored_member.h"

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

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

// Fields with their deadlines.
struct Until {
  std::string value;
  Time deadline = kNever;
  bool operator==(const Until&) const = default;
};
using TimedModel = std::map<std::string, Until>;

Time at(std::int64_t ms) { return from_unix_ms(ms); }

TEST(PackedDeadlines, HoldWhatAMapHolds) {
  std::mt19937 random(3);
  TimedModel model;
  std::string packed = packed_deadlines::timed_form(packed_hash::with({}, "first", "v").first);
  model["first"] = {"v", kNever};
  for (int step = 0; step < 3000; ++step) {
    const std::string field = "field" + std::to_string(random() % 40);
    if (random() % 4 == 0) {
      auto [bytes, erased] = packed_hash::without(packed, field);
      EXPECT_EQ(erased, model.erase(field) == 1);
      packed = bytes;
    } else if (random() % 10 == 0) {
      const Time now = at(random() % 200);
      const std::size_t before = model.size();
      std::erase_if(model, [&](const auto& entry) { return entry.second.deadline <= now; });
      EXPECT_EQ(packed_deadlines::all_due(packed, now), model.empty());
      auto [bytes, due] = packed_deadlines::without_due(packed, now);
      EXPECT_EQ(due, before - model.size());
      packed = bytes;
    } else {
      const Until until{std::string(random() % 300, 'v'),
                        random() % 3 == 0 ? kNever : at(random() % 1000)};
      auto [bytes, replaced] = packed_deadlines::with(packed, field, until.value, until.deadline);
      EXPECT_EQ(replaced, !model.insert_or_assign(field, until).second);
      packed = bytes;
    }
    ASSERT_EQ(packed_hash::size(packed), model.size());
    ASSERT_EQ(packed_hash::well_formed(packed), !model.empty());
    Time nearest = kNever;
    for (const auto& [name, until] : model) nearest = std::min(nearest, until.deadline);
    ASSERT_EQ(packed_deadlines::nearest(packed), nearest);
    TimedModel seen;
    packed_hash::Reader reader(packed);
    while (reader.next()) {
      seen[std::string(reader.name())] = {std::string(reader.value()), reader.deadline()};
    }
    ASSERT_EQ(seen, model);
  }
}

// As Redis's listpackex has them, which is what HGETALL shows.
TEST(PackedDeadlines, StandInTheOrderInWhichTheyFallDue) {
  std::string packed;
  for (const char* field : {"a", "b", "c", "d"}) packed_hash::append(packed, field, "v");
  packed = packed_deadlines::timed_form(packed);
  packed = packed_deadlines::with(packed, "c", "v", at(20)).first;
  packed = packed_deadlines::with(packed, "b", "v", at(10)).first;
  packed = packed_deadlines::with(packed, "d", "v", at(20)).first;
  std::string names;
  for (packed_hash::Reader reader(packed); reader.next();) names += reader.name();
  EXPECT_EQ(names, "bdca");
  packed = packed_deadlines::with(packed, "b", "v", kNever).first;
  names.clear();
  for (packed_hash::Reader reader(packed); reader.next();) names += reader.name();
  EXPECT_EQ(names, "dcab");
}

TEST(PackedDeadlines, ThatMakeNoSenseAreNotBelieved) {
  std::string packed;
  for (const char* field : {"a", "b", "c"}) packed_hash::append(packed, field, "v");
  packed = packed_deadlines::timed_form(packed);
  packed = packed_deadlines::with(packed, "a", "v", at(20)).first;
  packed = packed_deadlines::with(packed, "b", "v", at(10)).first;
  ASSERT_TRUE(packed_hash::well_formed(packed));
  for (std::size_t cut = 0; cut < packed.size(); ++cut) {
    EXPECT_FALSE(packed_hash::well_formed(std::string_view(packed).substr(0, cut)));
  }
  for (const std::size_t byte : {0u, 3u, 4u, 7u, 15u}) {
    std::string damaged = packed;
    damaged[byte] ^= '\x7f';  // both counts; and the first deadline, which is no longer the first
    EXPECT_FALSE(packed_hash::well_formed(damaged)) << byte;
  }
}

TEST(LargeHash, HoldsDeadlinesAsAMapDoesAndHidesWhatIsDue) {
  std::mt19937 random(4);
  LargeHash hash(1);
  TimedModel model;
  Time now = at(0);
  const auto forget_due = [&] {
    return std::erase_if(model, [&](const auto& field) { return field.second.deadline <= now; });
  };
  for (int step = 0; step < 60'000; ++step) {
    const std::string field = "f" + std::to_string(random() % 5'000);
    const Time deadline = random() % 3 == 0 ? kNever : now + Millis(1 + random() % 3'000);
    switch (random() % 8) {
      case 0:
        EXPECT_EQ(hash.erase(field), model.erase(field) == 1);
        break;
      case 1:
      case 2:
        EXPECT_EQ(hash.set_deadline(field, deadline), model.contains(field));
        if (model.contains(field)) model[field].deadline = deadline;
        break;
      case 3:
        now += Millis(random() % 4);
        EXPECT_EQ(hash.hide_due(now), forget_due());
        break;
      case 4:
        if (hash.hidden() > 0 && random() % 4 == 0) hash.drop_nearest();
        break;
      default:
        const Until until{std::to_string(step), deadline};
        EXPECT_EQ(hash.put(field, until.value, deadline),
                  model.insert_or_assign(field, until).second);
    }
    ASSERT_EQ(hash.size(), model.size());
    EXPECT_EQ(hash.get(field).has_value(), model.contains(field));
    if (model.contains(field)) {
      EXPECT_EQ(hash.deadline(field), model[field].deadline);
    }
  }
  EXPECT_GT(hash.hidden(), 20u);
  TimedModel seen;
  hash.for_each_until([&](auto field, auto value, Time deadline) {
    seen[std::string(field)] = {std::string(value), deadline};
  });
  EXPECT_EQ(seen, model);
  std::set<std::string> scanned;
  std::uint64_t cursor = 0;
  do {
    cursor = hash.scan(cursor, 50, [&](auto field, auto) { scanned.emplace(field); });
  } while (cursor != 0);
  EXPECT_EQ(scanned.size(), model.size());
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(model.contains(std::string(hash.random(random()).first)));
  while (!hash.drain(100)) {
  }
  EXPECT_EQ(hash.bytes(), 0u);
}

TEST(LargeHash, ARandomFieldIsFoundAmongManyHiddenOnes) {
  LargeHash hash(1);
  for (int i = 0; i < 20'000; ++i) hash.put(std::to_string(i), "v", at(10));
  hash.put("left", "v");
  hash.put("other", "v", at(11));
  EXPECT_FALSE(hash.all_due(at(11)));
  EXPECT_EQ(hash.hide_due(at(10)), 20'000u);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.emplace(hash.random(static_cast<std::uint64_t>(i)).first);
  EXPECT_EQ(seen, (std::set<std::string>{"left", "other"}));
  EXPECT_EQ(hash.hide_due(at(9)), 0u) << "time does not go back";
  EXPECT_EQ(hash.size(), 2u);
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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMallocTells = false;
#else
constexpr bool kMallocTells = true;
#endif

TEST(LargeHash, CountsWhatItTakesWhateverIsDoneWithIt) {
  for (const auto order : {LargeHash::Order::none, LargeHash::Order::by_score}) {
    SlabHeap heap;
    std::mt19937 random(1);
    const std::size_t before = mallinfo2().uordblks;
    {
      LargeHash hash(1, order, &heap);
      const auto counted = [&] { return heap.malloc_bytes(); };
      const auto put = [&](int i) {
        std::string value(random() % 200, 'v');
        if (order == LargeHash::Order::by_score) value = view(encode_score(i));
        const bool timed = order == LargeHash::Order::none && i % 10 == 0;
        hash.put(std::to_string(i), value, timed ? Time(1s * (1 + i)) : kNever);
        EXPECT_EQ(counted(), hash.bytes());
      };
      for (int i = 0; i < 50'000; ++i) put(static_cast<int>(random() % 40'000));
      if (kMallocTells) {
        const auto taken = static_cast<double>(mallinfo2().uordblks - before);
        EXPECT_NEAR(static_cast<double>(counted()), taken, taken / 15);
      }
      const std::size_t full = counted();
      for (int i = 0; i < 20'000; ++i) hash.erase(std::to_string(i));
      while (hash.timed() && hash.nearest_deadline() < Time(25'000s)) hash.drop_nearest();
      EXPECT_EQ(counted(), hash.bytes());
      EXPECT_LT(counted(), full * 3 / 4);
      for (std::size_t last = counted(); !hash.drain(100); last = counted()) {
        ASSERT_LT(counted(), last);
      }
      EXPECT_EQ(counted(), 0u);
    }
    EXPECT_EQ(heap.malloc_bytes(), 0u);
  }
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
