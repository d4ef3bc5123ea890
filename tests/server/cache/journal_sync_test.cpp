// When the journal syncs, and what it says and does when it stops.

#include <future>

#include "tests/server/cache/journal_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;

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
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 900ms);
}

}  // namespace
}  // namespace sojourn::server
