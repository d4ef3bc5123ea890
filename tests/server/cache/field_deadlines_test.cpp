// Deadlines of hash fields, of small hashes and of large ones.

#include <set>

#include "server/cache/watches.h"
#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

// With how many fields beside those that a test names.
class FieldDeadlines : public KeyspaceTest, public ::testing::WithParamInterface<int> {
 protected:
  bool large() const { return GetParam() > 512; }
  void fill(std::string_view name) {
    for (int i = 0; i < GetParam(); ++i) put_field(name, "other" + std::to_string(i), "value");
  }
  std::size_t others() const { return static_cast<std::size_t>(GetParam()); }
  void put_until(std::string_view name, std::string_view field, Time deadline) {
    put_field(name, field, "value");
    set_field_deadline(name, field, deadline);
  }
  void erase_database_record(std::string_view name) {
    auto batch = store_.make_batch();
    const auto prefix = database_prefix(1);
    batch->erase(Column::records, {{prefix.data(), prefix.size()}, name});
    ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  }
  template <class Change>
  void with_two(std::string_view a, std::string_view b, Change&& change) {
    const Key keys[] = {key(a), key(b)};
    Transaction tx(*keyspace_, keys, clock_.now());
    change(tx, keys[0], keys[1]);
  }
};

INSTANTIATE_TEST_SUITE_P(OfHashes, FieldDeadlines, ::testing::Values(3, 1500),
                         [](const auto& of) { return of.param > 512 ? "Large" : "Small"; });

TEST_P(FieldDeadlines, AreKeptThroughRestarts) {
  fill("h");
  put_until("h", "f", in(5000ms));
  put_until("h", "g", in(1h));
  put_until("h", "g", kNever);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(field_deadline("h", "f"), in(5000ms));
    EXPECT_EQ(field_deadline("h", "g"), kNever);
    EXPECT_EQ(get_field("h", "g"), "value");
    EXPECT_EQ(fields("h"), others() + 2);
    restart();
    if (round == 1) wait_until_warm();
  }
}

TEST_P(FieldDeadlines, EndFieldsAtOnceForEverybody) {
  fill("h");
  put_until("h", "f", in(1000ms));
  advance(999ms);
  EXPECT_EQ(get_field("h", "f"), "value");
  advance(1ms);
  EXPECT_EQ(get_field("h", "f"), "(nil)");
  EXPECT_EQ(fields("h"), others());
  EXPECT_FALSE(erase_field("h", "f"));
  EXPECT_TRUE(put_field("h", "f", "new"));
  EXPECT_EQ(field_deadline("h", "f"), kNever);
  restart();
  EXPECT_EQ(get_field("h", "f"), "new");
  EXPECT_EQ(field_deadline("h", "f"), kNever);
}

TEST_P(FieldDeadlines, PassWhileTheServerIsDownAndNothingComesBack) {
  fill("h");
  put_until("h", "f", in(1000ms));
  stop();
  advance(1000ms);
  start();
  EXPECT_EQ(get_field("h", "f"), "(nil)");
  EXPECT_EQ(fields("h"), others());
  wait_until_warm();
  advance(16ms);
  upkeep();
  stop();
  advance(-1016ms);  // a clock that is wrong at the next start does not bring it back either
  start();
  EXPECT_EQ(get_field("h", "f"), "(nil)");
}

TEST_P(FieldDeadlines, AreSeenToByUpkeepInMemoryAndOnDisk) {
  fill("h");
  put_until("h", "f", in(1000ms));
  put_until("h", "g", in(3000ms));
  advance(1016ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 1u);
  EXPECT_EQ(field_deadline("h", "g"), in(1984ms));
  advance(2000ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 2u);
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), large() ? others() : 0u);
  EXPECT_EQ(rows(Column::records), 1u);
}

TEST_P(FieldDeadlines, OfTheLastFieldsEndTheHash) {
  put_until("h", "f", in(1000ms));
  for (int i = 0; i < GetParam(); ++i) put_until("h", "g" + std::to_string(i), in(1000ms));
  put_until("asked", "f", in(1000ms));
  for (int i = 0; i < GetParam(); ++i) put_until("asked", "g" + std::to_string(i), in(1000ms));
  advance(1016ms);
  EXPECT_EQ(fields("asked"), 0u);
  EXPECT_EQ(deadline("asked"), std::nullopt);
  std::set<std::string> seen;
  keyspace_->scan(0, 0, 10, [&](const Entry& entry) { seen.emplace(entry.key()); });
  EXPECT_TRUE(seen.empty()) << "not removed yet, but not to be seen";
  upkeep();
  EXPECT_EQ(keyspace_->size(0), 0u);
  EXPECT_EQ(keyspace_->totals().expired_fields, 2 * (others() + 1));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), 0u);
  EXPECT_EQ(rows(Column::records), 0u);
}

TEST_P(FieldDeadlines, ThatHavePassedRemoveFieldsAtOnce) {
  fill("h");
  put_field("h", "f", "value");
  set_field_deadline("h", "f", in(0ms));
  EXPECT_EQ(fields("h"), others());
  put_field("lonely", "f", "value");
  set_field_deadline("lonely", "f", in(-1ms));
  EXPECT_EQ(deadline("lonely"), std::nullopt);
  restart();
  EXPECT_EQ(get_field("h", "f"), "(nil)");
  EXPECT_EQ(deadline("lonely"), std::nullopt);
}

TEST_P(FieldDeadlines, GoWithANewValueUnlessTheyAreToBeKept) {
  fill("h");
  put_until("h", "f", in(5000ms));
  put_until("h", "g", in(6000ms));
  put_field("h", "f", "new");
  {
    const Key k = key("h");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    EXPECT_FALSE(tx.put_field(k, "g", "new", Transaction::FieldDeadline::kept));
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(get_field("h", "f"), "new");
    EXPECT_EQ(field_deadline("h", "f"), kNever);
    EXPECT_EQ(get_field("h", "g"), "new");
    EXPECT_EQ(field_deadline("h", "g"), in(6000ms));
    restart();
  }
}

TEST_P(FieldDeadlines, AreGoneWithTheirFields) {
  fill("h");
  put_until("h", "f", in(5000ms));
  put_until("h", "g", in(6000ms));
  EXPECT_TRUE(erase_field("h", "f"));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), large() ? others() + 2 : 0u);
  EXPECT_TRUE(put_field("h", "f", "new"));
  restart();
  EXPECT_EQ(field_deadline("h", "f"), kNever);
  EXPECT_EQ(field_deadline("h", "g"), in(6000ms));
}

TEST_P(FieldDeadlines, GoAlongWithRenamesAndCopies) {
  fill("a");
  put_until("a", "f", in(1000ms));
  with_two("a", "b", [](Transaction& tx, const Key& a, const Key& b) { tx.copy(a, b); });
  with_two("a", "c", [](Transaction& tx, const Key& a, const Key& c) { tx.rename(a, c); });
  restart();
  for (const char* name : {"b", "c"}) {
    EXPECT_EQ(field_deadline(name, "f"), in(1000ms)) << name;
    EXPECT_EQ(fields(name), others() + 1) << name;
  }
  advance(1016ms);
  wait_until_warm();
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 2u) << "filed under both names";
  EXPECT_EQ(fields("b"), others());
}

TEST_P(FieldDeadlines, AreForgottenWithTheirHash) {
  fill("h");
  put_until("h", "f", in(1000ms));
  put_until("overwritten", "f", in(1000ms));
  EXPECT_TRUE(erase("h"));
  put("overwritten", "text");
  put_field("h", "f", "new");
  advance(2000ms);
  upkeep();
  EXPECT_EQ(get_field("h", "f"), "new");
  EXPECT_EQ(get("overwritten"), "text");
  EXPECT_EQ(keyspace_->totals().expired_fields, 0u);
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::fields), 0u);
  restart();
  EXPECT_EQ(get_field("h", "f"), "new");
}

TEST_P(FieldDeadlines, LeaveTheDiskWithAFlushedDatabase) {
  fill("h");
  put_until("h", "f", in(1000ms));
  keyspace_->flush(0);
  advance(2000ms);
  upkeep();
  stop();
  EXPECT_EQ(rows(Column::fields), 0u);
  EXPECT_EQ(rows(Column::records), 0u);
}

TEST_P(FieldDeadlines, OfHashesWhoseRecordIsGoneLeaveTheDiskAtTheNextStart) {
  fill("h");
  put_until("h", "f", in(1000ms));
  fill("kept");
  put_until("kept", "f", in(1000ms));
  ASSERT_TRUE(journal_->flush());
  stop();
  erase_database_record("h");
  start();
  wait_until_warm();
  EXPECT_EQ(field_deadline("kept", "f"), in(1000ms));
  stop();
  EXPECT_EQ(rows(Column::fields), large() ? others() + 2 : 0u);
}

TEST_P(FieldDeadlines, AreThoseOfTheKeyThatHasTheNameAfterASwap) {
  fill("h");
  put_until("h", "f", in(1000ms));
  keyspace_->swap(0, 3);
  advance(1016ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 1u);
  keyspace_->swap(0, 3);
  EXPECT_EQ(fields("h"), others());
}

TEST_P(FieldDeadlines, DoNotOutliveTheirKey) {
  fill("h");
  put_until("h", "f", in(2000ms));
  set_deadline("h", in(1000ms));
  put_until("h", "g", in(500ms));
  advance(516ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 1u);
  EXPECT_EQ(deadline("h"), in(484ms));
  advance(500ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired, 1u);
  EXPECT_EQ(keyspace_->size(0), 0u);
}

TEST_P(FieldDeadlines, ThatPassAreChangesToWhoWatchesTheKey) {
  fill("h");
  put_until("h", "f", in(1000ms));
  put_until("h", "g", in(2000ms));
  const Key k = key("h");
  const auto watch = [&] {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return std::make_unique<WatchedKey>(*keyspace_, tx, k);
  };
  const auto changed = [&](const WatchedKey& watched) {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return watched.changed(tx);
  };
  const auto asked = watch();
  EXPECT_FALSE(changed(*asked));
  advance(1000ms);
  EXPECT_TRUE(changed(*asked)) << "found by asking";
  const auto swept = watch();
  EXPECT_FALSE(changed(*swept)) << "what had passed before is none";
  advance(1016ms);
  upkeep();
  EXPECT_TRUE(changed(*swept)) << "found by upkeep";
  const auto moved = watch();
  put_until("h", "i", in(1000ms));
  EXPECT_TRUE(changed(*moved));
}

TEST_P(FieldDeadlines, OfOneTransactionAreWrittenAsTheyAreAtItsEnd) {
  fill("h");
  const Key k = key("h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (const char* field : {"a", "b", "c", "d"}) {
      tx.put_field(k, field, "value");
      tx.next_command();
      tx.set_field_deadline(k, field, in(1000ms));
      tx.next_command();
    }
    tx.set_field_deadline(k, "b", kNever);
    tx.next_command();
    tx.erase_field(k, "c");
    tx.next_command();
    tx.set_field_deadline(k, "d", in(2000ms));
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(field_deadline("h", "a"), in(1000ms));
    EXPECT_EQ(field_deadline("h", "b"), kNever);
    EXPECT_EQ(get_field("h", "b"), "value");
    EXPECT_EQ(get_field("h", "c"), "(nil)");
    EXPECT_EQ(field_deadline("h", "d"), in(2000ms));
    restart();
  }
}

TEST_F(KeyspaceTest, ASmallHashTakesItsDeadlinesAlongWhenItGrowsLarge) {
  put_field("h", "f", "value");
  set_field_deadline("h", "f", in(1000ms));
  for (int i = 0; i < 2000; ++i) put_field("h", std::to_string(i), "value");
  EXPECT_EQ(field_deadline("h", "f"), in(1000ms));
  restart();
  EXPECT_EQ(field_deadline("h", "f"), in(1000ms));
  EXPECT_EQ(fields("h"), 2001u);
  advance(1000ms);
  EXPECT_EQ(fields("h"), 2000u);
}

TEST_F(KeyspaceTest, AHashAsLargeAsASmallOneCanBeTakesDeadlinesForAllItsFields) {
  for (int i = 0; i < 8; ++i) put_field("h", std::to_string(i), std::string(1000, 'v'));
  for (int i = 0; i < 8; ++i) set_field_deadline("h", std::to_string(i), in(Millis(1000 + i)));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(field_deadline("h", std::to_string(i)), in(Millis(1000 + i)));
    }
    restart();
  }
}

TEST_F(KeyspaceTest, TheDeadlineOfOneFieldAmongAMillionIsOneShortRow) {
  constexpr int kFields = 1'000'000;
  for (int i = 0; i < kFields; ++i) put_field("h", "f" + std::to_string(i), "value");
  put_field("h", "f7", std::string(100'000, 'v'));
  ASSERT_TRUE(journal_->flush());
  set_field_deadline("h", "f7", in(1000ms));
  EXPECT_LT(journal_->pending_bytes(), 200u) << "and once the record, which has no fields in it";
  EXPECT_GT(journal_->pending_bytes(), 0u);
  ASSERT_TRUE(journal_->flush());
  set_field_deadline("h", "f8", in(1000ms));
  EXPECT_LT(journal_->pending_bytes(), 80u);
  EXPECT_GT(journal_->pending_bytes(), 0u);
  ASSERT_TRUE(journal_->flush());
  advance(1016ms);
  EXPECT_EQ(fields("h"), static_cast<std::size_t>(kFields) - 2);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, 2u);
  EXPECT_LT(journal_->pending_bytes(), 200u);
}

// One step of upkeep ends a bounded number of fields.
TEST_F(KeyspaceTest, AHashOfWhichVeryManyFieldsEndAtOnceEndsInStepsUnseen) {
  constexpr int kFields = 100'000;
  const Key k = key("h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    for (int i = 0; i < kFields; ++i) {
      const std::string field = "f" + std::to_string(i);
      tx.put_field(k, field, "value");
      tx.set_field_deadline(k, field, in(1000ms));
      tx.next_command();
    }
    tx.put_field(k, "left", "value");
  }
  wait_until_warm();
  upkeep();
  advance(1016ms);
  EXPECT_EQ(fields("h"), 1u);
  int steps = 0;
  std::uint64_t most = 0;
  for (bool more = true; more; ++steps) {
    const std::uint64_t before = keyspace_->totals().expired_fields;
    more = keyspace_->upkeep(0, 1, 0us);
    most = std::max(most, keyspace_->totals().expired_fields - before);
    ASSERT_EQ(fields("h"), 1u);
    ASSERT_LT(steps, kFields);
  }
  EXPECT_EQ(keyspace_->totals().expired_fields, static_cast<std::uint64_t>(kFields));
  EXPECT_GE(steps, 100);
  EXPECT_LE(most, 1000u);
  restart();
  EXPECT_EQ(fields("h"), 1u);
}

TEST_F(KeyspaceTest, FieldsOfManyHashesAllEndWithin100Ms) {
  constexpr int kHashes = 20'000;
  for (int i = 0; i < kHashes; ++i) {
    const std::string name = "h" + std::to_string(i);
    put_field(name, "f", "value");
    put_field(name, "left", "value");
    set_field_deadline(name, "f", in(Millis(1000 + i % 7)));
  }
  advance(1007ms + 16ms);
  upkeep();
  EXPECT_EQ(keyspace_->totals().expired_fields, static_cast<std::uint64_t>(kHashes));
  EXPECT_EQ(keyspace_->totals().keys(), static_cast<std::size_t>(kHashes));
}

TEST_F(KeyspaceTest, ADeadlineOnDiskThatIsDamagedIsNeitherBelievedNorIgnored) {
  for (int i = 0; i < 1500; ++i) put_field("h", "f" + std::to_string(i), "value");
  set_field_deadline("h", "f7", in(1000ms));
  ASSERT_TRUE(journal_->flush());
  stop();
  auto walk = store_.walk(Column::fields);
  const auto prefix = collection_prefix(kDeadlineRows);
  (*walk)->seek({prefix.data(), prefix.size()});
  ASSERT_TRUE((*walk)->valid());
  const std::string row_key((*walk)->key());
  std::string row((*walk)->value());
  row[0] ^= 1;
  auto batch = store_.make_batch();
  batch->put(Column::fields, {row_key}, {row});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  start();
  wait_until_warm();
  const Key k = keyspace_->key(0, "h");
  std::optional<Error> error;
  std::atomic<bool> ready = false;
  ASSERT_EQ(Keyspace::Resolved::later, keyspace_->resolve({&k, 1}, [&](std::optional<Error> found) {
    error = found;
    ready = true;
  }));
  while (!ready) std::this_thread::yield();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::damaged);
  stop();
  EXPECT_EQ(rows(Column::fields), 1501u) << "left alone, for whoever can mend it";
}

}  // namespace
}  // namespace sojourn::server
