// The journal before a disk that is full, fails or hangs.

#include "tests/server/cache/journal_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace sojourn::server
