#include "server/cache/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/support/recording_store.h"

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Kind = RecordingStore::Kind;
using Names = std::vector<std::string>;

// Time enough for anything that happens at all, on a machine that is busy with other things.
constexpr auto kDeadline = 20s;

template <class Condition>
bool eventually(Condition condition) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    never.wait_for(lock, 1ms);
  }
  return true;
}

constexpr std::string_view kWarmUp = "warm-up";

// Changes are meta rows here: their names are what the tests look for on disk, in order.
Names names(const RecordingStore::Written& batch) {
  Names found;
  for (const auto& change : batch.changes) {
    const bool of_the_journal = change.key.starts_with("next_") || change.key == kWarmUp;
    if (!of_the_journal) found.push_back(change.key);
  }
  return found;
}

Names names(const RecordingStore& store) {
  Names found;
  for (const auto& batch : store.written()) {
    for (auto& name : names(batch)) found.push_back(std::move(name));
  }
  return found;
}

class JournalTest : public ::testing::Test {
 protected:
  // Without syncs of its own accord, unless a test wants them.
  static Journal::Options quiet() {
    Journal::Options options;
    options.sync_interval = 1h;
    options.retry_first = 1ms;
    options.retry_most = 5ms;
    return options;
  }
  static Journal::Options always() {
    auto options = quiet();
    options.fsync = AppendFsync::always;
    return options;
  }

  void open(Journal::Options options = quiet()) {
    auto opened = Journal::open(store_, options, log_);
    ASSERT_TRUE(opened) << opened.error().detail;
    journal_ = std::move(*opened);
    if (journal_->state() != StorageState::ok) return;
    // The committer, who wrote the first numbers, must have left the writer's place.
    ASSERT_TRUE(eventually([&] {
      turn(kWarmUp);
      return store_.written().back().by == std::this_thread::get_id();
    }));
    ASSERT_TRUE(journal_->flush());
    syncs_at_start_ = store_.syncs();
  }
  bool a_sync_begins() const {
    return eventually([&] { return store_.syncs_begun() > syncs_at_start_; });
  }
  JournalPosition append(std::string_view name) {
    Journal::Unit unit(*journal_);
    unit.put_meta(name, "");
    return unit.position();
  }
  // A turn of a worker that makes one change.
  JournalPosition turn(std::string_view name) {
    const auto position = append(name);
    journal_->end_turn();
    return position;
  }
  bool released(JournalPosition position) const { return journal_->released() >= position; }
  // A worker whose turn hangs in the store until hold_writes(false).
  std::thread stuck_worker(std::string_view name) {
    const int before = store_.writes_begun();
    store_.hold_writes(true);
    std::thread worker([this, name] { turn(name); });
    EXPECT_TRUE(eventually([&] { return store_.writes_begun() > before; }));
    return worker;
  }

  RecordingStore store_;
  Log log_{-1};
  std::unique_ptr<Journal> journal_;
  int syncs_at_start_ = 0;
};

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

TEST_F(JournalTest, AFullDiskLosesAndReordersNothing) {
  open();
  turn("s:1");
  store_.fail_writes(Errc::disk_full);
  turn("s:2");
  EXPECT_EQ(journal_->state(), StorageState::read_only);
  EXPECT_EQ(journal_->failure(), "as the test wants");
  turn("s:3");
  const auto last = turn("s:4");
  const int tries = store_.writes_begun();
  ASSERT_TRUE(eventually([&] { return store_.writes_begun() > tries + 1; }));
  EXPECT_LT(journal_->released(), last - 2);
  store_.fail_writes({});
  ASSERT_TRUE(eventually([&] { return released(last); }));
  EXPECT_EQ(journal_->state(), StorageState::ok);
  EXPECT_EQ(journal_->failure(), "");
  EXPECT_THAT(names(store_), ElementsAre("s:1", "s:2", "s:3", "s:4"));
}

TEST_F(JournalTest, FlushSaysSoWhenTheDiskIsFullAndSucceedsWhenSpaceIsBack) {
  auto options = quiet();
  options.retry_first = options.retry_most = 1h;  // so only flush() makes it try again
  open(options);
  store_.fail_writes(Errc::disk_full);
  turn("s:1");
  EXPECT_FALSE(journal_->flush());
  EXPECT_EQ(journal_->state(), StorageState::read_only);
  store_.fail_writes({});
  EXPECT_TRUE(journal_->flush());
  EXPECT_THAT(names(store_), ElementsAre("s:1"));
}

TEST_F(JournalTest, AServerStartsOnAFullDiskAndGoesOnWhenSpaceIsBack) {
  store_.fail_writes(Errc::disk_full);
  open();
  EXPECT_EQ(journal_->state(), StorageState::read_only);
  store_.fail_writes({});
  EXPECT_TRUE(eventually([&] { return journal_->state() == StorageState::ok; }));
}

TEST_F(JournalTest, AfterAnErrorOfTheDiskNothingIsWrittenOrReleased) {
  open();
  const auto before = turn("s:1");
  store_.fail_writes(Errc::storage);
  const auto lost = turn("s:2");
  EXPECT_EQ(journal_->state(), StorageState::failed);
  store_.fail_writes({});
  const auto after = turn("s:3");
  EXPECT_GT(after, lost);
  EXPECT_FALSE(journal_->flush());
  EXPECT_EQ(journal_->released(), before);
  EXPECT_THAT(names(store_), ElementsAre("s:1"));
  EXPECT_EQ(journal_->stop(), Journal::Stopped::unwritten);
  EXPECT_EQ(journal_->released(), before);
}

TEST_F(JournalTest, AFailedSyncIsNeverTriedAgain) {
  open(always());
  const auto before = journal_->released();
  store_.fail_syncs(true);
  const auto position = turn("s:1");
  ASSERT_TRUE(eventually([&] { return journal_->state() == StorageState::failed; }));
  EXPECT_EQ(journal_->failure(), "the test's sync error");
  store_.fail_syncs(false);
  const int syncs = store_.syncs_begun();
  turn("s:2");
  EXPECT_FALSE(journal_->flush());
  journal_->set_fsync(AppendFsync::no);  // must not let out what was written and never synced
  EXPECT_EQ(journal_->released(), before);
  EXPECT_FALSE(released(position));
  EXPECT_EQ(journal_->stop(), Journal::Stopped::unwritten);
  EXPECT_EQ(store_.syncs_begun(), syncs);
  EXPECT_THAT(names(store_), ElementsAre("s:1"));
}

TEST_F(JournalTest, AWriteThatOutlivesAFailedSyncIsNotReleased) {
  open(always());
  store_.hold_syncs(true);
  turn("s:1");
  ASSERT_TRUE(a_sync_begins());
  auto worker = stuck_worker("s:2");
  store_.fail_syncs(true);
  store_.hold_syncs(false);
  ASSERT_TRUE(eventually([&] { return journal_->state() == StorageState::failed; }));
  const auto written = journal_->written();
  store_.hold_writes(false);
  worker.join();
  EXPECT_EQ(journal_->written(), written);
}

TEST_F(JournalTest, NumbersGrowAndGoOnBeyondThoseOfTheLastProcess) {
  auto options = quiet();
  options.reserve_step = 10;
  std::uint64_t version = 0;
  std::uint64_t collection = 0;
  for (int process = 0; process < 3; ++process) {
    open(options);
    for (int i = 0; i < 57; ++i) {
      Journal::Unit unit(*journal_);
      const auto next = unit.next_version();
      ASSERT_GT(next, version);
      version = next;
      if (i % 2 == 0) continue;
      const auto next_collection = unit.next_collection();
      ASSERT_GT(next_collection, collection);
      collection = next_collection;
      unit.put_meta("s", "");
    }
    journal_.reset();
  }
}

TEST_F(JournalTest, WhateverACrashLeavesNoNumberOnDiskIsGivenOutAgain) {
  auto options = quiet();
  options.reserve_step = 8;
  open(options);
  for (int i = 0; i < 60; ++i) {
    {
      Journal::Unit unit(*journal_);
      unit.put_meta(std::to_string(unit.next_version()), "");
    }
    if (i % 3 == 0) journal_->end_turn();
  }
  ASSERT_TRUE(journal_->flush());
  const auto all = store_.written();
  for (std::size_t survived = 1; survived <= all.size(); ++survived) {
    RecordingStore after_crash({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(survived)});
    const Names on_disk = names(after_crash);
    auto journal = Journal::open(after_crash, options, log_);
    ASSERT_TRUE(journal);
    const auto next = Journal::Unit(**journal).next_version();
    for (const auto& version : on_disk) ASSERT_LT(std::stoull(version), next);
  }
}

TEST_F(JournalTest, NumbersAreSyncedLongBeforeTheyAreUsed) {
  auto options = quiet();
  options.reserve_step = 1000;
  open(options);
  std::uint64_t last = 0;
  const auto use = [&](int numbers) {
    for (int i = 0; i < numbers; ++i) last = Journal::Unit(*journal_).next_version();
  };
  use(600);
  append("s:1");
  ASSERT_TRUE(journal_->flush());
  const auto synced = store_.written();
  use(800);
  // A power cut now: only what was synced is left.
  RecordingStore after_cut(synced);
  auto journal = Journal::open(after_cut, options, log_);
  ASSERT_TRUE(journal);
  EXPECT_GT(Journal::Unit(**journal).next_version(), last);
}

TEST_F(JournalTest, ADamagedReservationEndsTheStart) {
  open();
  journal_.reset();
  auto batch = store_.make_batch();
  batch->put(Column::meta, {"next_version"}, {"0123456789abcdef"});
  ASSERT_TRUE(store_.write(*batch, Store::Stall::wait));
  auto opened = Journal::open(store_, quiet(), log_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::damaged);
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

TEST_F(JournalTest, EverysecSyncsAfterEachIntervalInWhichSomethingWasWritten) {
  auto options = quiet();
  options.sync_interval = 20ms;
  open(options);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    const int before = store_.syncs();
    const auto position = turn("s");
    EXPECT_TRUE(released(position));
    ASSERT_TRUE(eventually([&] { return journal_->synced() >= position; }));
    EXPECT_EQ(store_.syncs(), before + 1);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 40ms);
}

TEST_F(JournalTest, EverysecDoesNotSyncWhenNothingWasWritten) {
  auto options = quiet();
  options.sync_interval = 1ms;
  open(options);
  // A busy journal with the same interval tells that it has passed, again and again.
  RecordingStore busy_store;
  auto busy = Journal::open(busy_store, options, log_);
  ASSERT_TRUE(busy);
  for (int i = 0; i < 5; ++i) {
    Journal::Unit(**busy).put_meta("s", "");
    (*busy)->end_turn();
    ASSERT_TRUE(eventually([&] { return (*busy)->synced() == (*busy)->appended(); }));
  }
  EXPECT_EQ(store_.syncs(), syncs_at_start_);
}

TEST_F(JournalTest, NoSyncsOnlyWhenAskedOrWhenItStops) {
  auto options = quiet();
  options.fsync = AppendFsync::no;
  open(options);
  const auto position = turn("s:1");
  EXPECT_TRUE(released(position));
  EXPECT_TRUE(journal_->flush());
  EXPECT_EQ(store_.syncs(), syncs_at_start_ + 1);
  turn("s:2");
  EXPECT_EQ(journal_->stop(), Journal::Stopped::clean);
  EXPECT_EQ(store_.syncs(), syncs_at_start_ + 2);
}

TEST_F(JournalTest, FromAlwaysToEverysecLetsGoOfWhatIsWritten) {
  open(always());
  store_.hold_syncs(true);
  const auto position = turn("s:1");
  EXPECT_FALSE(released(position));
  journal_->set_fsync(AppendFsync::everysec);
  EXPECT_EQ(journal_->fsync(), AppendFsync::everysec);
  EXPECT_TRUE(released(position));
  journal_->set_fsync(AppendFsync::always);
  EXPECT_TRUE(released(position));  // what was released stays so
  const auto next = turn("s:2");
  EXPECT_FALSE(released(next));
  store_.hold_syncs(false);
  EXPECT_TRUE(eventually([&] { return released(next); }));
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

TEST_F(JournalTest, WhenSyncedAnswersOnceWithoutWaiting) {
  open();
  std::promise<bool> answer;
  store_.hold_syncs(true);
  journal_->when_synced(append("s:1"), [&](bool ok) { answer.set_value(ok); });
  auto result = answer.get_future();
  ASSERT_TRUE(a_sync_begins());
  EXPECT_EQ(result.wait_for(0s), std::future_status::timeout);
  store_.hold_syncs(false);
  ASSERT_EQ(result.wait_for(kDeadline), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST_F(JournalTest, StoppingWritesAndSyncsWhatWasAppended) {
  open();
  append("s:1");
  journal_.reset();
  EXPECT_THAT(names(store_), ElementsAre("s:1"));
  EXPECT_EQ(store_.syncs(), syncs_at_start_ + 1);
}

TEST_F(JournalTest, StoppingWithAnEmptyJournalIsQuick) {
  open();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(journal_->stop(), Journal::Stopped::clean);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 500ms);
}

TEST_F(JournalTest, StoppingOnAFullDiskSaysSo) {
  open();
  store_.fail_writes(Errc::disk_full);
  turn("s:1");
  EXPECT_EQ(journal_->stop(), Journal::Stopped::unwritten);
  EXPECT_THAT(names(store_), IsEmpty());
}

TEST_F(JournalTest, AWriteThatHangsDoesNotHangTheStop) {
  auto options = quiet();
  options.stop_wait = 20ms;
  open(options);
  store_.hold_writes(true);
  append("s:1");
  EXPECT_EQ(journal_->stop(), Journal::Stopped::hanging);
  EXPECT_EQ(store_.writes_running(), 1);
  journal_.reset();
  store_.hold_writes(false);  // a thread of the journal that is gone comes back now
  EXPECT_TRUE(eventually([&] { return store_.writes_running() == 0; }));
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
