// The journal's numbers: none is ever given out twice.

#include "tests/server/cache/journal_fixture.h"

namespace sojourn::server {
namespace {

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

}  // namespace
}  // namespace sojourn::server
