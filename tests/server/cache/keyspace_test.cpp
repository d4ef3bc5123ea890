#include "server/cache/keyspace.h"

#include <map>
#include <set>

#include "tests/server/cache/keyspace_fixture.h"

namespace sojourn::server {
namespace {

TEST_F(KeyspaceTest, ASessionIsThereAfterARestart) {
  put("s:1", "alice", in(1000ms));
  restart();
  EXPECT_EQ(get("s:1"), "alice");
  advance(1001ms);
  EXPECT_EQ(get("s:1"), "(nil)");
}

TEST_F(KeyspaceTest, ALogoutIsALogoutAfterARestart) {
  put("s:1", "alice");
  EXPECT_TRUE(erase("s:1"));
  restart();
  EXPECT_EQ(get("s:1"), "(nil)");
  EXPECT_FALSE(erase("s:1"));
}

TEST_F(KeyspaceTest, AnExpiredSessionIsNeverSeenEvenBeforeItIsRemoved) {
  put("s:1", "alice", in(100ms));
  advance(100ms);
  EXPECT_EQ(get("s:1"), "(nil)");
}

TEST_F(KeyspaceTest, UpkeepRemovesWhatIsDueFromMemoryAndDisk) {
  for (int i = 0; i < 1000; ++i) put("s:" + std::to_string(i), "v", in(Millis(i + 1)));
  put("stays", "v");
  advance(500ms);
  upkeep();
  // Half, but for those of the slot of 16 ms that has not ended.
  EXPECT_NEAR(static_cast<double>(keyspace_->size(0).value()), 501, 20);
  advance(600ms);
  upkeep();
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_EQ(keyspace_->totals().databases[0].with_deadline, 0u);
  EXPECT_EQ(keyspace_->totals().expired, 1000u);
  stop();
  EXPECT_EQ(rows(Column::records), 1u);
  start();
}

TEST_F(KeyspaceTest, ATouchedSessionOutlivesItsFirstDeadlineAndFallsDueAtTheLast) {
  put("s:1", "alice", in(100ms));
  for (int i = 0; i < 50; ++i) {
    advance(90ms);
    upkeep();
    ASSERT_EQ(get("s:1"), "alice");
    set_deadline("s:1", in(100ms));
  }
  advance(132ms);
  upkeep();
  EXPECT_EQ(keyspace_->size(0), 0u);
}

TEST_F(KeyspaceTest, ADeadlineMovedEarlierIsKept) {
  put("s:1", "alice", in(std::chrono::hours(24)));
  set_deadline("s:1", in(100ms));
  advance(132ms);
  upkeep();
  EXPECT_EQ(keyspace_->size(0), 0u);
}

TEST_F(KeyspaceTest, ASessionTouchedAllTheTimeWritesARowASecondAtMost) {
  put("s:1", "alice", in(60'000ms));
  ASSERT_TRUE(journal_->flush());
  const StoreSequence before = store_.sequence();
  for (int touch = 0; touch < 100; ++touch) {
    advance(100ms);
    set_deadline("s:1", in(60'000ms));
    ASSERT_TRUE(journal_->flush());
  }
  EXPECT_LE(store_.sequence() - before, 10u);
  EXPECT_EQ(rows(Column::touches), 1u);
  const Time last = *deadline("s:1");
  restart();
  EXPECT_LE(*deadline("s:1"), last);
  EXPECT_GE(*deadline("s:1"), last - 1000ms);
}

TEST_F(KeyspaceTest, ADeadlineMovedFarLaterIsWrittenAtOnce) {
  put("s:1", "alice", in(1000ms));
  set_deadline("s:1", in(1900ms));
  set_deadline("s:1", in(2800ms));
  EXPECT_TRUE(journal_->flush());
  EXPECT_EQ(rows(Column::touches), 1u);
  restart();
  EXPECT_EQ(deadline("s:1"), in(2800ms));
}

TEST_F(KeyspaceTest, ADeadlineRemovedStaysRemovedAfterARestart) {
  put("s:1", "alice", in(1000ms));
  set_deadline("s:1", in(2000ms));
  set_deadline("s:1", kNever);
  restart();
  EXPECT_EQ(deadline("s:1"), kNever);
}

TEST_F(KeyspaceTest, AnOldTouchDoesNotOutliveANewRecord) {
  put("s:1", "alice", in(1000ms));
  set_deadline("s:1", in(90'000ms));
  put("s:1", "bob", in(500ms));
  restart();
  EXPECT_EQ(deadline("s:1"), in(500ms));
  EXPECT_TRUE(erase("s:1"));
  restart();
  wait_until_warm();
  EXPECT_EQ(rows(Column::touches), 0u);
}

TEST_F(KeyspaceTest, ASmallHashGrowsLargeAndComesBackWhole) {
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(put_field("h", "f" + std::to_string(i), "value"));
  EXPECT_FALSE(put_field("h", "f7", "changed"));
  EXPECT_TRUE(erase_field("h", "f8"));
  restart();
  EXPECT_EQ(fields("h"), 1999u);
  EXPECT_EQ(get_field("h", "f7"), "changed");
  EXPECT_EQ(get_field("h", "f8"), "(nil)");
  EXPECT_EQ(get_field("h", "f1999"), "value");
}

TEST_F(KeyspaceTest, AddingOneFieldToALargeHashWritesOneRow) {
  for (int i = 0; i < 2000; ++i) put_field("h", "f" + std::to_string(i), "value");
  ASSERT_TRUE(journal_->flush());
  const StoreSequence before = store_.sequence();
  put_field("h", "one more", "value");
  EXPECT_LT(journal_->pending_bytes(), 200u);
  ASSERT_TRUE(journal_->flush());
  EXPECT_GT(store_.sequence(), before);
}

TEST_F(KeyspaceTest, AKeyMadeAnewNeverMeetsItsOldFields) {
  for (int i = 0; i < 2000; ++i) put_field("h", "f" + std::to_string(i), "old");
  EXPECT_TRUE(erase("h"));
  for (int i = 1000; i < 2100; ++i) put_field("h", "f" + std::to_string(i), "new");
  restart();
  EXPECT_EQ(fields("h"), 1100u);
  EXPECT_EQ(get_field("h", "f1"), "(nil)");
  EXPECT_EQ(get_field("h", "f1500"), "new");
  EXPECT_TRUE(erase("h"));
  stop();
  EXPECT_EQ(rows(Column::fields), 0u);
  EXPECT_EQ(rows(Column::records), 0u);
  start();
}

TEST_F(KeyspaceTest, RenameMovesEverythingAndLeavesNothing) {
  put("a", "value", in(5000ms));
  put("b", "overwritten");
  const Key keys[] = {key("a"), key("b")};
  {
    Transaction tx(*keyspace_, keys, clock_.now());
    tx.rename(keys[0], keys[1]);
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(get("a"), "(nil)");
    EXPECT_EQ(get("b"), "value");
    EXPECT_EQ(deadline("b"), in(5000ms));
    restart();
  }
}

TEST_F(KeyspaceTest, ARenamedLargeHashKeepsItsFields) {
  for (int i = 0; i < 1500; ++i) put_field("a", "f" + std::to_string(i), "value");
  const Key keys[] = {key("a"), key("b")};
  {
    Transaction tx(*keyspace_, keys, clock_.now());
    tx.rename(keys[0], keys[1]);
  }
  put_field("b", "another", "value");
  restart();
  EXPECT_EQ(fields("b"), 1501u);
  EXPECT_EQ(fields("a"), 0u);
}

TEST_F(KeyspaceTest, ACopyOfALargeHashIsItsOwn) {
  for (int i = 0; i < 1500; ++i) put_field("a", "f" + std::to_string(i), "value");
  const Key keys[] = {key("a"), key("b")};
  {
    Transaction tx(*keyspace_, keys, clock_.now());
    tx.copy(keys[0], keys[1]);
  }
  EXPECT_TRUE(erase("a"));
  restart();
  EXPECT_EQ(fields("b"), 1500u);
  EXPECT_EQ(fields("a"), 0u);
}

TEST_F(KeyspaceTest, AFlushedDatabaseIsEmptyAtOnceAndStaysSo) {
  for (int i = 0; i < 5000; ++i) put("s:" + std::to_string(i), "v");
  put("other", "v", kNever, 3);
  keyspace_->flush(0);
  EXPECT_EQ(keyspace_->size(0), 0u);
  EXPECT_EQ(get("s:1"), "(nil)");
  put("s:1", "new");
  upkeep();
  restart();
  wait_until_warm();
  EXPECT_EQ(keyspace_->size(0), 1u);
  EXPECT_EQ(get("s:1"), "new");
  EXPECT_EQ(get("other", 3), "v");
}

TEST_F(KeyspaceTest, TotalsAreOfEachDatabaseUnderTheNumberItHasNow) {
  put("a", "v");
  put("b", "v", in(1000ms));
  put("c", "v", in(1000ms), 3);
  put("d", "v", kNever, 5);
  get("a");
  get("absent");
  keyspace_->swap(3, 7);
  keyspace_->flush(5);
  const Keyspace::Totals totals = keyspace_->totals();
  ASSERT_EQ(totals.databases.size(), keyspace_->databases());
  for (std::size_t i = 0; i < totals.databases.size(); ++i) {
    EXPECT_EQ(totals.databases[i].keys, i == 0 ? 2u : i == 7 ? 1u : 0u) << i;
    EXPECT_EQ(totals.databases[i].with_deadline, i == 0 || i == 7 ? 1u : 0u) << i;
  }
  EXPECT_EQ(totals.keys(), 3u);
}

TEST_F(KeyspaceTest, ARandomKeyIsFoundWheneverThereIsOne) {
  EXPECT_EQ(random_key(), std::nullopt);
  put("other", "v", kNever, 3);
  put("due", "v", in(1ms));
  advance(1ms);
  EXPECT_EQ(random_key(), std::nullopt);
  put("only", "v");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(random_key(), "only");
}

TEST_F(KeyspaceTest, AWalkVisitsEachKeyOnceAndLittleAtATime) {
  constexpr int kKeys = 20'000;
  constexpr std::size_t kAtATime = 500;
  for (int i = 0; i < kKeys; ++i) put("k" + std::to_string(i), "v");
  put("due", "v", in(1ms));
  put("elsewhere", "v", kNever, 1);
  advance(1ms);
  std::map<std::string, int> visits;
  for (std::size_t shard = 0; shard != Keyspace::kNoShard;) {
    std::size_t visited = 0;
    shard = keyspace_->walk(0, shard, kAtATime, [&](const Entry& entry) {
      ++visits[std::string(entry.key())];
      ++visited;
    });
    // A shard is visited whole: there are one or two keys in each.
    EXPECT_LE(visited, kAtATime + 20);
    // Tables grow meanwhile.
    put("new" + std::to_string(visits.size()), "v");
  }
  for (int i = 0; i < kKeys; ++i) ASSERT_EQ(visits["k" + std::to_string(i)], 1) << i;
  EXPECT_FALSE(visits.contains("due"));
  EXPECT_FALSE(visits.contains("elsewhere"));
}

TEST_F(KeyspaceTest, AScanLooksAtFewEntriesAtATime) {
  for (int i = 0; i < 20'000; ++i) put("due" + std::to_string(i), "v", in(1ms));
  put("alive", "v");
  advance(1ms);
  std::uint64_t cursor = 0;
  int calls = 0;
  int found = 0;
  do {
    cursor = keyspace_->scan(0, cursor, 10, [&](const Entry&) { ++found; }).value();
    ++calls;
  } while (cursor != 0);
  EXPECT_EQ(found, 1);
  EXPECT_GT(calls, 20) << "the dead count too";
}

TEST_F(KeyspaceTest, LooksAtManySessionsThatLiveOnInSmallSteps) {
  wait_until_warm();
  for (int i = 0; i < 2000; ++i) {
    put("s:" + std::to_string(i), "v", in(1s));
    set_deadline("s:" + std::to_string(i), in(1h));
  }
  upkeep();
  advance(2s);
  int steps = 1;
  while (keyspace_->upkeep(0, 1, 0ms)) ++steps;
  EXPECT_GT(steps, 1000) << "no more than a shard at a time when there is no time left";
  EXPECT_EQ(keyspace_->size(0), 2000u);
}

TEST_F(KeyspaceTest, MemoryOfAFlushedDatabaseIsGivenBack) {
  wait_until_warm();
  const std::size_t before = keyspace_->totals().entry_bytes;
  for (int i = 0; i < 5000; ++i) put("s:" + std::to_string(i), std::string(500, 'v'));
  EXPECT_GT(keyspace_->totals().entry_bytes, before + 2'500'000);
  keyspace_->flush_all();
  upkeep();
  EXPECT_EQ(keyspace_->totals().entry_bytes, before);
}

TEST_F(KeyspaceTest, FieldsOfAFlushedLargeHashLeaveTheDiskThoughTheServerDiesFirst) {
  for (int i = 0; i < 1000; ++i) put_field("h", "f" + std::to_string(i), "value");
  for (int i = 0; i < 1000; ++i) put_field("kept", "f" + std::to_string(i), "value");
  const Key k = key("h");
  {
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    auto batch = store_.make_batch();
    const auto prefix = database_prefix(1);
    batch->erase(Column::records, {{prefix.data(), prefix.size()}, "h"});
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  }
  restart();
  wait_until_warm();
  EXPECT_EQ(fields("kept"), 1000u);
  stop();
  EXPECT_EQ(rows(Column::fields), 1000u);
}

TEST_F(KeyspaceTest, FieldsOfAFlushedLargeHashLeaveTheDisk) {
  for (int i = 0; i < 1000; ++i) put_field("h", "f" + std::to_string(i), "value");
  keyspace_->flush(0);
  upkeep();
  stop();
  EXPECT_EQ(rows(Column::fields), 0u);
}

TEST_F(KeyspaceTest, DatabasesSwappedStaySwapped) {
  put("k", "zero", kNever, 0);
  put("k", "one", kNever, 1);
  keyspace_->swap(0, 1);
  EXPECT_EQ(get("k", 0), "one");
  restart();
  EXPECT_EQ(get("k", 0), "one");
  EXPECT_EQ(get("k", 1), "zero");
}

TEST_F(KeyspaceTest, AScanMeetsEveryKeyThatIsThereThroughout) {
  std::set<std::string> expected;
  for (int i = 0; i < 3000; ++i) {
    put("old:" + std::to_string(i), "v");
    expected.insert("old:" + std::to_string(i));
  }
  std::set<std::string> seen;
  std::uint64_t cursor = 0;
  int added = 0;
  do {
    cursor = keyspace_->scan(0, cursor, 10, [&](const Entry& entry) { seen.emplace(entry.key()); })
                 .value();
    EXPECT_LT(cursor, std::uint64_t{1} << 53);
    for (int i = 0; i < 50 && added < 20'000; ++i) put("new:" + std::to_string(added++), "v");
  } while (cursor != 0);
  for (const std::string& name : expected) EXPECT_TRUE(seen.contains(name)) << name;
}

TEST_F(KeyspaceTest, AnyNumberIsAValidCursor) {
  put("k", "v");
  for (const std::uint64_t cursor :
       {~std::uint64_t{0}, std::uint64_t{1} << 40, std::uint64_t{77}}) {
    keyspace_->scan(0, cursor, 10, [](const Entry&) {});
  }
}

TEST_F(KeyspaceTest, VersionsGrowWithEveryChange) {
  const auto version = [&] {
    const Key k = key("k");
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    return tx.peek(k)->version();
  };
  put("k", "v", in(1000ms));
  const auto first = version();
  set_deadline("k", in(2000ms));
  const auto second = version();
  EXPECT_GT(second, first);
  restart();
  put("other", "v");
  put("k", "v");
  EXPECT_GT(version(), second);
}

// Whoever moves a deadline with each request, a little each time.
TEST_F(KeyspaceTest, TouchesWriteARowASecond) {
  put("a", "x", in(100s));
  const auto row = [&] {
    EXPECT_TRUE(journal_->flush());
    auto walk = store_.walk(Column::touches);
    (*walk)->seek({});
    return (*walk)->valid() ? std::string((*walk)->value()) : "";
  };
  std::string last = row();
  int written = 0;
  for (int i = 0; i < 3000; ++i) {
    advance(1ms);
    set_deadline("a", in(100s));
    const std::string now = row();
    written += now != last;
    last = now;
  }
  EXPECT_GE(written, 2);
  EXPECT_LE(written, 4);
  restart();
  EXPECT_LE(deadline("a"), in(100s));
  EXPECT_GT(deadline("a"), in(99s));
}

// Those that an earlier version could hold.
TEST_F(KeyspaceTest, ADeadlineOnDiskThatIsTooFarAwayIsTheLatest) {
  for (const int bits : {53, 54, 55, 62}) {
    Record record;
    record.deadline = from_unix_ms((std::int64_t{1} << bits) - 2 + (bits == 53 ? 1 : 0));
    record.version = 1;
    record.value = "x";
    Journal::Unit(*journal_).put(1, "a" + std::to_string(bits), record);
  }
  restart();
  for (const int bits : {53, 54, 55, 62}) {
    EXPECT_EQ(deadline("a" + std::to_string(bits)), Entry::kLatestDeadline) << bits;
  }
}

}  // namespace
}  // namespace sojourn::server
