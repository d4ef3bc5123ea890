// What every store must do.
#include <functional>
#include <random>

#include "server/store/memory_store.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/forgetful_file_system.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

enum class Kind { memory, rocks, rocks_on_forgetful_files };

class StoreConformance : public ::testing::TestWithParam<Kind> {
 protected:
  StoreConformance() : store_(make()) {}

  Store& store() { return *store_; }

 private:
  std::unique_ptr<Store> make() {
    if (GetParam() == Kind::memory) return std::make_unique<MemoryStore>();
    RocksStore::Options options;
    options.directory = home_ / "data";
    options.memory_bytes = 12u * 1024 * 1024;
    if (GetParam() == Kind::rocks_on_forgetful_files) {
      options.file_system = std::make_shared<ForgetfulFileSystem>(home_.path());
    }
    auto opened = RocksStore::open(options, log_);
    EXPECT_TRUE(opened) << opened.error().detail;
    return std::move(*opened);
  }

  TemporaryDirectory home_;
  Log log_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance,
                         ::testing::Values(Kind::memory, Kind::rocks,
                                           Kind::rocks_on_forgetful_files),
                         [](const auto& info) {
                           switch (info.param) {
                             case Kind::memory:
                               return "Memory";
                             case Kind::rocks:
                               return "Rocks";
                             default:
                               return "RocksOnForgetfulFiles";
                           }
                         });

TEST_P(StoreConformance, ReadsWhatWasWritten) {
  EXPECT_EQ(get(store(), "s:1"), "(none)");
  put(store(), "s:1", "alice");
  EXPECT_EQ(get(store(), "s:1"), "alice");
  put(store(), "s:1", "bob");
  EXPECT_EQ(get(store(), "s:1"), "bob");
  EXPECT_EQ(get(store(), "s:"), "(none)");
  EXPECT_EQ(get(store(), "s:11"), "(none)");
}

TEST_P(StoreConformance, JoinsPieces) {
  const auto batch = store().make_batch();
  batch->put(Column::records, {"db", "", "key"}, {"head", "value", "", "tail"});
  batch->put(Column::records, {"empty"}, {});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_EQ(get(store(), "dbkey"), "headvaluetail");
  EXPECT_EQ(get(store(), "empty"), "");
  batch->clear();
  batch->erase(Column::records, {"d", "bkey"});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_EQ(get(store(), "dbkey"), "(none)");
}

TEST_P(StoreConformance, KeepsAnyBytes) {
  const std::string key("k\0\xff\r\n", 5);
  const std::string value("\0\0\xfe", 3);
  put(store(), key, value);
  EXPECT_EQ(get(store(), key), value);
  EXPECT_EQ(get(store(), "k"), "(none)");
}

TEST_P(StoreConformance, KeepsColumnsApart) {
  put(store(), "k", "record", Column::records);
  put(store(), "k", "field", Column::fields);
  put(store(), "k", "touch", Column::touches);
  put(store(), "k", "meta", Column::meta);
  const auto batch = store().make_batch();
  batch->erase(Column::fields, {"k"});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_EQ(get(store(), "k", Column::records), "record");
  EXPECT_EQ(get(store(), "k", Column::fields), "(none)");
  EXPECT_EQ(get(store(), "k", Column::touches), "touch");
  EXPECT_EQ(get(store(), "k", Column::meta), "meta");
}

TEST_P(StoreConformance, AppliesABatchInItsOrder) {
  const auto batch = store().make_batch();
  batch->put(Column::records, {"a"}, {"1"});
  batch->erase(Column::records, {"a"});
  batch->put(Column::records, {"b"}, {"1"});
  batch->put(Column::records, {"b"}, {"2"});
  batch->put(Column::records, {"c"}, {"1"});
  batch->erase_range(Column::records, "a", "d");
  batch->put(Column::records, {"b"}, {"3"});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_THAT(rows(store()), ElementsAre(Pair("b", "3")));
}

TEST_P(StoreConformance, ErasesARangeWithItsBeginAndWithoutItsEnd) {
  for (const char* key : {"a", "b", "bb", "c", "d"}) put(store(), key, key);
  const auto batch = store().make_batch();
  batch->erase_range(Column::records, "b", "c");
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_THAT(rows(store()), ElementsAre(Pair("a", "a"), Pair("c", "c"), Pair("d", "d")));
  EXPECT_EQ(get(store(), "bb"), "(none)");
}

TEST_P(StoreConformance, TakesAnEmptyOrBackwardRangeForNothing) {
  put(store(), "b", "1");
  const auto batch = store().make_batch();
  batch->erase_range(Column::records, "b", "b");
  batch->erase_range(Column::records, "c", "a");
  batch->put(Column::records, {"c"}, {"2"});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  EXPECT_THAT(rows(store()), ElementsAre(Pair("b", "1"), Pair("c", "2")));
}

TEST_P(StoreConformance, WritesNothingForAnEmptyBatch) {
  const StoreSequence before = put(store(), "a", "1");
  const auto batch = store().make_batch();
  const auto written = store().write(*batch, Store::Stall::wait);
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, before);
}

TEST_P(StoreConformance, CountsItsChanges) {
  EXPECT_EQ(store().sequence(), 0u);
  EXPECT_EQ(put(store(), "a", "1"), 1u);
  const auto batch = store().make_batch();
  EXPECT_EQ(batch->changes(), 0u);
  const std::size_t empty = batch->bytes();
  batch->put(Column::records, {"a"}, {"2"});
  batch->erase(Column::touches, {"a"});
  batch->erase_range(Column::fields, "a", "b");
  EXPECT_EQ(batch->changes(), 3u);
  EXPECT_GT(batch->bytes(), empty);
  store().prepare();
  EXPECT_EQ(*store().write(*batch, Store::Stall::refuse), 4u);
  EXPECT_EQ(store().sequence(), 4u);
  batch->clear();
  EXPECT_EQ(batch->changes(), 0u);
  EXPECT_EQ(batch->bytes(), empty);
}

TEST_P(StoreConformance, WalksInOrderFromWhereItIsSent) {
  for (const char* key : {"c", "a", "d"}) put(store(), key, key);
  put(store(), "b", "elsewhere", Column::meta);
  const auto cursor = std::move(*store().walk(Column::records));
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "a");
  cursor->seek("b");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "c");
  cursor->next();
  EXPECT_EQ(cursor->key(), "d");
  EXPECT_EQ(cursor->value(), "d");
  cursor->next();
  EXPECT_FALSE(cursor->valid());
  EXPECT_FALSE(cursor->failure());
  cursor->seek("a");
  EXPECT_EQ(cursor->key(), "a");
  cursor->seek("e");
  EXPECT_FALSE(cursor->valid());
}

TEST_P(StoreConformance, WalksOverTheStateWhenTheWalkWasMade) {
  put(store(), "a", "old");
  put(store(), "b", "old");
  const auto cursor = std::move(*store().walk(Column::records));
  put(store(), "a", "new");
  put(store(), "c", "new");
  const auto batch = store().make_batch();
  batch->erase(Column::records, {"b"});
  ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  std::map<std::string, std::string> seen;
  for (; cursor->valid(); cursor->next()) seen.emplace(cursor->key(), cursor->value());
  EXPECT_THAT(seen, ElementsAre(Pair("a", "old"), Pair("b", "old")));
}

TEST_P(StoreConformance, WalksOverNothing) { EXPECT_THAT(rows(store()), IsEmpty()); }

TEST_P(StoreConformance, SyncsWhetherOrNotAnythingWasWritten) {
  EXPECT_TRUE(store().sync());
  put(store(), "a", "1");
  EXPECT_TRUE(store().sync());
  EXPECT_TRUE(store().sync());
}

TEST_P(StoreConformance, AgreesWithAMapAfterManyRandomChanges) {
  std::mt19937 random(1);
  const auto below = [&](unsigned limit) { return random() % limit; };
  std::map<std::string, std::string> expected;
  const auto batch = store().make_batch();
  for (int round = 0; round < 300; ++round) {
    batch->clear();
    for (unsigned change = 0, changes = 1 + below(20); change < changes; ++change) {
      const std::string key = std::to_string(100 + below(200));
      if (below(20) == 0) {
        const std::string end = std::to_string(100 + below(200));
        batch->erase_range(Column::records, key, end);
        if (key < end) expected.erase(expected.lower_bound(key), expected.lower_bound(end));
      } else if (below(3) == 0) {
        batch->erase(Column::records, {key});
        expected.erase(key);
      } else {
        const std::string value(below(2000), static_cast<char>('a' + below(26)));
        batch->put(Column::records, {key.substr(0, 1), key.substr(1)}, {value});
        expected[key] = value;
      }
    }
    ASSERT_TRUE(store().write(*batch, Store::Stall::wait));
  }
  EXPECT_EQ(rows(store()), expected);
  for (int key = 100; key < 300; ++key) {
    const auto row = expected.find(std::to_string(key));
    EXPECT_EQ(get(store(), std::to_string(key)), row == expected.end() ? "(none)" : row->second);
  }
}

}  // namespace
}  // namespace sojourn::server
