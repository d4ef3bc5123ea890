#include <atomic>

#include "tests/server/cache/journal_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;

TEST_F(JournalTest, OrderOnDiskIsTheOrderOfUnitsWhoeverAppends) {
  open();
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([this] {
      for (int i = 0; i < 500; ++i) {
        {
          Journal::Unit unit(*journal_);
          unit.put_meta(std::to_string(unit.next_version()), "");
        }
        if (i % 3 == 0) journal_->end_turn();
      }
    });
  }
  for (auto& worker : workers) worker.join();
  ASSERT_TRUE(journal_->flush());
  const Names found = names(store_);
  ASSERT_EQ(found.size(), 2000u);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], std::to_string(i + 1));
}

TEST_F(JournalTest, AUnitIsWholeInOneBatch) {
  open();
  const std::string large(400'000, 'x');
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([this, worker, &large] {
      for (int i = 0; i < 100; ++i) {
        {
          const auto name = std::to_string(worker) + ":" + std::to_string(i);
          Journal::Unit unit(*journal_);
          unit.put_meta(name, i % 25 == 0 ? large : "");
          unit.put_meta(name, i % 25 == 0 ? large : "");
          unit.put_meta(name, "");
        }
        journal_->end_turn();
      }
    });
  }
  for (auto& worker : workers) worker.join();
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(names(store_).size(), 1200u);
  for (const auto& batch : store_.written()) {
    const Names found = names(batch);
    ASSERT_EQ(found.size() % 3, 0u);
    for (std::size_t i = 0; i < found.size(); i += 3) {
      ASSERT_EQ(found[i], found[i + 1]);
      ASSERT_EQ(found[i], found[i + 2]);
    }
  }
}

TEST_F(JournalTest, ALongBacklogIsWrittenInOrderInBatchesOfModestSize) {
  open();
  Names expected{"first"};
  auto worker = stuck_worker("first");
  const std::string value(10'000, 'x');
  for (int i = 0; i < 300; ++i) {
    Journal::Unit unit(*journal_);
    expected.push_back(std::to_string(i));
    unit.put_meta(expected.back(), value);
  }
  store_.hold_writes(false);
  worker.join();
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(names(store_), expected);
  for (const auto& batch : store_.written()) EXPECT_LT(batch.changes.size(), 100u);
}

TEST_F(JournalTest, RowsStandWhereTheyAreReadAgain) {
  open();
  Record record;
  record.value = "alice";
  record.owner = "app";
  {
    Journal::Unit unit(*journal_);
    record.version = unit.next_version();
    unit.put(7, "s:1", record);
    unit.touch(7, "s:1", Touch{record.version, from_unix_ms(5000)});
    unit.put_field(9, "name", "bob");
  }
  ASSERT_TRUE(journal_->flush());
  const std::string key("\0\0\0\7s:1", 7);
  const std::string field_key("\0\0\0\0\0\0\0\11name", 12);
  const auto record_row = store_.read(Column::records, key);
  const auto touch_row = store_.read(Column::touches, key);
  const auto field_row = store_.read(Column::fields, field_key);
  ASSERT_TRUE(*record_row && *touch_row && *field_row);
  EXPECT_EQ(decode_record(key, **record_row)->value, "alice");
  EXPECT_EQ(decode_record(key, **record_row)->version, record.version);
  EXPECT_EQ(decode_touch(key, **touch_row)->deadline, from_unix_ms(5000));
  EXPECT_EQ(*decode_field(field_key, **field_row), "bob");
}

TEST_F(JournalTest, ErasedRowsAreGone) {
  open();
  {
    Journal::Unit unit(*journal_);
    for (const char* key : {"s:1", "s:2"}) {
      unit.put(7, key, Record{});
      unit.touch(7, key, Touch{});
    }
    unit.put(8, "other database", Record{});
    for (const char* field : {"a", "b", "c"}) unit.put_field(9, field, "");
    unit.put_field(10, "other collection", "");
  }
  {
    Journal::Unit unit(*journal_);
    unit.erase(7, "s:1", true);
    unit.erase_field(9, "a");
  }
  ASSERT_TRUE(journal_->flush());
  const auto has = [&](Column column, std::string_view key) {
    return store_.read(column, key)->has_value();
  };
  EXPECT_FALSE(has(Column::records, {"\0\0\0\7s:1", 7}));
  EXPECT_FALSE(has(Column::touches, {"\0\0\0\7s:1", 7}));
  EXPECT_TRUE(has(Column::records, {"\0\0\0\7s:2", 7}));
  EXPECT_FALSE(has(Column::fields, {"\0\0\0\0\0\0\0\11a", 9}));
  EXPECT_TRUE(has(Column::fields, {"\0\0\0\0\0\0\0\11b", 9}));
  {
    Journal::Unit unit(*journal_);
    unit.erase_collection(9);
    unit.erase_database(7);
  }
  ASSERT_TRUE(journal_->flush());
  EXPECT_FALSE(has(Column::records, {"\0\0\0\7s:2", 7}));
  EXPECT_FALSE(has(Column::touches, {"\0\0\0\7s:2", 7}));
  EXPECT_TRUE(has(Column::records, {"\0\0\0\10other database", 18}));
  EXPECT_FALSE(has(Column::fields, {"\0\0\0\0\0\0\0\11b", 9}));
  EXPECT_TRUE(has(Column::fields, {"\0\0\0\0\0\0\0\12other collection", 24}));
}

TEST_F(JournalTest, AReplyLeavesOnlyWhenItsChangeIsWritten) {
  open();
  auto worker = stuck_worker("s:1");
  const auto position = journal_->appended();
  EXPECT_FALSE(released(position));
  store_.hold_writes(false);
  EXPECT_TRUE(eventually([&] { return released(position); }));
  EXPECT_LT(journal_->synced(), position);
  worker.join();
}

TEST_F(JournalTest, InAlwaysAReplyLeavesOnlyWhenItsChangeIsSynced) {
  open(always());
  store_.hold_syncs(true);
  const auto position = turn("s:1");
  EXPECT_TRUE(a_sync_begins());
  EXPECT_EQ(journal_->written(), position);
  EXPECT_FALSE(released(position));
  store_.hold_syncs(false);
  EXPECT_TRUE(eventually([&] { return released(position); }));
}

TEST_F(JournalTest, ASyncReleasesOnlyWhatWasWrittenBeforeItBegan) {
  open(always());
  store_.hold_syncs(true);
  const auto first = turn("s:1");
  ASSERT_TRUE(a_sync_begins());
  const auto second = turn("s:2");
  store_.hold_syncs(false);
  ASSERT_TRUE(eventually([&] { return released(second); }));
  EXPECT_EQ(store_.syncs(), syncs_at_start_ + 2);
  EXPECT_GT(second, first);
}

TEST_F(JournalTest, PositionZeroIsAlwaysReleased) {
  store_.fail_writes(Errc::disk_full);
  open();
  EXPECT_EQ(journal_->appended(), 1u);  // the reserved numbers, not written yet
  EXPECT_TRUE(released(0));
  EXPECT_FALSE(released(1));
}

TEST_F(JournalTest, AUnitThatChangedNothingStandsWhereTheOneBeforeItDoes) {
  open();
  const auto before = append("s:1");
  Journal::Unit unit(*journal_);
  EXPECT_EQ(unit.position(), before);
  unit.put_meta("s:2", "");
  EXPECT_EQ(unit.position(), before + 1);
}

TEST_F(JournalTest, WhoFindsNobodyWritingWritesHimself) {
  open();
  const auto position = turn("s:1");
  EXPECT_TRUE(released(position));
  EXPECT_EQ(store_.written().back().by, std::this_thread::get_id());
  EXPECT_EQ(store_.written().back().stall, Store::Stall::refuse);
}

TEST_F(JournalTest, ALargeTurnIsWrittenByTheCommitter) {
  auto options = quiet();
  options.inline_bytes_max = 1000;
  open(options);
  append(std::string(2000, 'x'));
  const auto position = turn("s:1");
  ASSERT_TRUE(eventually([&] { return released(position); }));
  EXPECT_NE(store_.written().back().by, std::this_thread::get_id());
  EXPECT_EQ(store_.written().back().stall, Store::Stall::wait);
}

TEST_F(JournalTest, WhatAStalledStoreRefusesTheCommitterWrites) {
  open();
  store_.stall(true);
  turn("s:1");
  const auto position = turn("s:2");
  ASSERT_TRUE(eventually([&] { return released(position); }));
  EXPECT_THAT(names(store_), ElementsAre("s:1", "s:2"));
  EXPECT_NE(store_.written().back().by, std::this_thread::get_id());
  EXPECT_EQ(journal_->state(), StorageState::ok);
}

TEST_F(JournalTest, WorkersWriteWhileTheCommitterPreparesTheStore) {
  open();
  const int prepares_before = store_.prepares_begun();
  store_.hold_prepares(true);
  store_.stall(true);
  turn("s:1");
  ASSERT_TRUE(eventually([&] { return store_.prepares_begun() > prepares_before; }));
  store_.stall(false);
  EXPECT_TRUE(released(turn("s:2")));
  EXPECT_EQ(store_.written().back().by, std::this_thread::get_id());
}

TEST_F(JournalTest, AWorkerIsNotKeptWritingForTheOthers) {
  open();
  std::atomic<int> more = 10;
  store_.during_write([&] {
    if (more-- > 0) append("of others");
  });
  turn("mine");
  EXPECT_TRUE(eventually([&] { return names(store_).size() == 11; }));
  int by_worker = 0;
  for (const auto& batch : store_.written()) {
    by_worker += batch.by == std::this_thread::get_id() && !names(batch).empty();
  }
  EXPECT_EQ(by_worker, 2);
}

TEST_F(JournalTest, NobodyWaitsWhileAWriteIsStuck) {
  open();
  auto worker = stuck_worker("stuck");
  JournalPosition last = 0;
  for (int i = 0; i < 100; ++i) last = turn("s");  // that it returns is the test
  EXPECT_FALSE(released(last));
  EXPECT_EQ(store_.writes_running(), 1);
  store_.hold_writes(false);
  worker.join();
  EXPECT_TRUE(eventually([&] { return released(last); }));  // though no turn ends any more
  EXPECT_EQ(names(store_).size(), 101u);
}

TEST_F(JournalTest, IsOverBudgetUntilTheBacklogIsWritten) {
  auto options = quiet();
  options.bytes_budget = 1000;
  open(options);
  EXPECT_EQ(journal_->pending_bytes(), 0u);
  std::atomic<bool> seen_within = false;
  journal_->on_progress([&] { seen_within = !journal_->over_budget(); });
  auto worker = stuck_worker("first");
  EXPECT_FALSE(journal_->over_budget());
  append(std::string(2000, 'x'));
  EXPECT_TRUE(journal_->over_budget());
  EXPECT_GE(journal_->pending_bytes(), 2000u);
  store_.hold_writes(false);
  worker.join();
  EXPECT_TRUE(eventually([&] { return journal_->pending_bytes() == 0; }));
  EXPECT_FALSE(journal_->over_budget());
  EXPECT_TRUE(eventually([&] { return seen_within.load(); }));  // whoever waited was woken for it
}

TEST_F(JournalTest, FlushWritesWhatNoTurnHasEnded) {
  open();
  const auto before = journal_->last_sync();
  const auto position = append("s:1");
  EXPECT_TRUE(journal_->flush());
  EXPECT_GE(journal_->synced(), position);
  EXPECT_GE(journal_->last_sync(), before);
  EXPECT_THAT(names(store_), ElementsAre("s:1"));
  const int syncs = store_.syncs();
  EXPECT_TRUE(journal_->flush());  // nothing to do
  EXPECT_EQ(store_.syncs(), syncs);
}

TEST_F(JournalTest, ACallbackThatWasReplacedIsNotCalledAnyMore) {
  open();
  auto called = std::make_unique<std::atomic<int>>(0);
  journal_->on_progress([&] { ++*called; });
  turn("s:1");
  EXPECT_EQ(called->load(), 1);
  journal_->on_progress({});
  called.reset();
  turn("s:2");
  EXPECT_TRUE(journal_->flush());
}

TEST(NoJournal, ReleasesEverythingAtOnceAndCountsVersions) {
  const auto journal = Journal::none();
  EXPECT_FALSE(journal->enabled());
  JournalPosition position = 1;
  {
    Journal::Unit unit(*journal);
    EXPECT_EQ(unit.next_version(), 1u);
    EXPECT_EQ(unit.next_version(), 2u);
    EXPECT_EQ(unit.next_collection(), 1u);
    unit.put(0, "s:1", Record{});
    unit.erase(0, "s:1", true);
    unit.touch(0, "s:1", Touch{});
    unit.erase_database(0);
    position = unit.position();
  }
  journal->end_turn();
  EXPECT_GE(journal->released(), position);
  EXPECT_FALSE(journal->over_budget());
  EXPECT_EQ(journal->state(), StorageState::ok);
  EXPECT_TRUE(journal->flush());
  bool answered = false;
  journal->when_synced(position, [&](bool ok) { answered = ok; });
  EXPECT_TRUE(answered);
  EXPECT_EQ(journal->stop(), Journal::Stopped::clean);
}

TEST(NoJournal, GivesEachVersionOnceToManyThreads) {
  const auto journal = Journal::none();
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&] {
      std::uint64_t last = 0;
      for (int i = 0; i < 1000; ++i) {
        const auto next = Journal::Unit(*journal).next_version();
        ASSERT_GT(next, last);
        last = next;
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(Journal::Unit(*journal).next_version(), 4001u);
}

}  // namespace
}  // namespace sojourn::server
