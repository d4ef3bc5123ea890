#include "server/store/pacing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <vector>

namespace sojourn::server {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;
using Work = Pacing::Work;

// The pool keeps memory for two memtables of two chunks.
class PacingTest : public testing::Test {
 protected:
  ~PacingTest() override {
    for (char* chunk : used) pool->give_back(chunk);
  }
  void use(std::size_t chunks) {
    while (used.size() < chunks) used.push_back(pool->take());
  }

  std::shared_ptr<ChunkPool> pool = std::make_shared<ChunkPool>(4 * ChunkPool::kChunk);
  std::vector<char*> used;
  Pacing pacing{pool};
};

void work_for(microseconds time) {
  const std::clock_t end =
      std::clock() + static_cast<std::clock_t>(time.count() * (CLOCKS_PER_SEC / 1'000'000));
  while (std::clock() < end) {
  }
}

TEST_F(PacingTest, NeverPausesBeforeItIsTurnedOn) {
  EXPECT_EQ(pacing.step(Work::flush).pause, microseconds(0));
}

TEST_F(PacingTest, PausesLessTheFurtherBehind) {
  pacing.turn_on(true);
  use(4);
  const Pacing::Step calm = pacing.step(Work::flush);
  use(5);
  const Pacing::Step behind = pacing.step(Work::flush);
  use(6);
  EXPECT_EQ(pacing.step(Work::flush).pause, behind.pause);
  use(7);
  EXPECT_EQ(pacing.step(Work::flush).pause, microseconds(0));
  EXPECT_GT(calm.pause, behind.pause);
  EXPECT_LT(calm.work, behind.work);
  EXPECT_GT(behind.pause, microseconds(0));
}

TEST_F(PacingTest, LeavesAFlushTheTimeUntilTheNextMemtableIsFull) {
  pacing.turn_on(true);
  use(2);
  const Pacing::Step just_begun = pacing.step(Work::flush);
  use(3);
  const Pacing::Step half_full = pacing.step(Work::flush);
  use(4);
  EXPECT_GT(just_begun.pause, half_full.pause);
  EXPECT_GT(half_full.pause, pacing.step(Work::flush).pause);
}

TEST_F(PacingTest, PausesCompactionLessTheMoreRunsThereAre) {
  EXPECT_EQ(pacing.step(Work::compaction).pause, microseconds(0));
  pacing.turn_on(true);
  use(7);
  auto last = microseconds::max();
  for (const std::size_t runs : {8, 16, 24, 25, 41}) {
    pacing.note_sorted_runs(runs);
    EXPECT_LT(pacing.step(Work::compaction).pause, last) << runs;
    last = pacing.step(Work::compaction).pause;
  }
  EXPECT_EQ(last, microseconds(0));
  pacing.note_sorted_runs(0);
  const auto none = pacing.step(Work::compaction).pause;
  pacing.note_sorted_runs(8);
  EXPECT_EQ(pacing.step(Work::compaction).pause, none);
}

TEST_F(PacingTest, SleepsAfterWork) {
  pacing.turn_on(true);
  const auto [work, pause] = pacing.step(Work::flush);
  PacedWork paced(&pacing, Work::flush);
  work_for(work);
  const auto begin = steady_clock::now();
  paced.give_way();
  EXPECT_GE(steady_clock::now() - begin, pause);
}

TEST_F(PacingTest, DoesNotSleepBeforeItHasWorked) {
  pacing.turn_on(true);
  // The shortest of many: anything may take long on a busy machine.
  auto shortest = steady_clock::duration::max();
  for (int attempt = 0; attempt < 100; ++attempt) {
    PacedWork paced(&pacing, Work::flush);
    const auto begin = steady_clock::now();
    paced.give_way();
    shortest = std::min(shortest, steady_clock::now() - begin);
  }
  EXPECT_LT(shortest, pacing.step(Work::flush).pause);
}

}  // namespace
}  // namespace sojourn::server
