#include "server/observe/turn_timer.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

class TurnTimerTest : public ::testing::Test {
 protected:
  TurnTimerTest() {
    wall = 1h;
    cpu = 7s;
    cpu_readings = 0;
  }

  // A turn that works for `busy` and is kept waiting for the rest of `took`.
  TurnTimer::Turn take_turn(std::chrono::nanoseconds took, std::chrono::nanoseconds busy,
                            Millis long_turn = 1h) {
    timer.begin();
    wall += took;
    cpu += busy;
    return timer.end(long_turn);
  }
  std::uint64_t longest() const { return worker.longest_turn_us.load(); }
  std::uint64_t longest_cpu() const { return worker.longest_turn_cpu_us.load(); }

  static inline std::chrono::nanoseconds wall{};
  static inline std::chrono::nanoseconds cpu{};
  static inline int cpu_readings = 0;

  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  TurnTimer timer{worker, [] { return wall; },
                  [] {
                    ++cpu_readings;
                    return cpu;
                  }};
};

TEST_F(TurnTimerTest, KeepsTheLongestTurnByBothClocks) {
  take_turn(5ms, 2ms);
  take_turn(3ms, 3ms);
  take_turn(1ms, 1ms);
  EXPECT_EQ(longest(), 5000u);
  EXPECT_EQ(longest_cpu(), 3000u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::turns), 3u);
}

TEST_F(TurnTimerTest, TimeBetweenTurnsIsNobodys) {
  take_turn(1ms, 1ms);
  wall += 1h;
  cpu += 20us;  // asking for work
  take_turn(2ms, 2ms);
  EXPECT_EQ(longest(), 2000u);
  EXPECT_EQ(longest_cpu(), 2000u);
}

TEST_F(TurnTimerTest, TellsALongTurnsCpuTimeThoughAnotherWasLonger) {
  take_turn(5ms, 5ms);
  const TurnTimer::Turn turn = take_turn(2ms, 1ms, 2ms);
  EXPECT_EQ(turn.wall, 2ms);
  EXPECT_EQ(turn.cpu, 1ms);
  EXPECT_EQ(take_turn(1ms, 1ms, 2ms).cpu, 0us);
}

TEST_F(TurnTimerTest, ReadsTheCpuClockNowAndThenOnly) {
  take_turn(1ms, 1ms);  // longer than all that follow
  cpu_readings = 0;
  for (int turn = 0; turn < 1000; ++turn) take_turn(10us, 10us);
  EXPECT_LE(cpu_readings, 10'000us / TurnTimer::kReadEvery + 1);
}

TEST_F(TurnTimerTest, IsNeverTooLowNorMuchTooHigh) {
  for (int turn = 0; turn < 9; ++turn) take_turn(10us, 10us);
  take_turn(3ms, 2ms);
  EXPECT_GE(longest_cpu(), 2000u);
  EXPECT_LE(longest_cpu(), 2100u);
}

TEST_F(TurnTimerTest, BeginsAnewWithTheStatistics) {
  take_turn(5ms, 4ms);
  metrics.reset();
  take_turn(2ms, 1ms);
  EXPECT_EQ(longest(), 2000u);
  EXPECT_EQ(longest_cpu(), 1000u);
}

TEST(TurnTimerClocks, AThreadWorksNoLongerThanTimePasses) {
  const auto began = TurnTimer::wall_clock();
  const auto cpu_then = TurnTimer::cpu_clock();
  while (TurnTimer::cpu_clock() - cpu_then < 2ms) {
  }
  const auto worked = TurnTimer::cpu_clock() - cpu_then;
  EXPECT_LE(worked, TurnTimer::wall_clock() - began + 100us);
}

}  // namespace
}  // namespace sojourn::server
