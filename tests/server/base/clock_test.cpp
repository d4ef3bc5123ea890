#include "server/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sojourn::server {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;

// A machine whose wall clock somebody sets, with our time steered once a second. Nothing sleeps.
class SteppedWallClock : public ::testing::Test {
 protected:
  static constexpr std::int64_t kBootUs = 5000 * kSecondUs;
  static constexpr std::int64_t kWallUs = 1'700'000'000 * kSecondUs;

  void pass_a_second() {
    const std::int64_t before = ours();
    boot_us_ += kSecondUs;
    wall_us_ += kSecondUs;
    const std::int64_t passed = ours() - before;
    // Plain comparisons: an hour's step takes 720,000 seconds to undo.
    if (passed < kSecondUs - kSecondUs / 200 || passed > kSecondUs + kSecondUs / 200)
      off_pace_ = true;
    slew_ = slew_.towards(wall_us_, boot_us_);
    if (ours() != before + passed) steering_jumped_ = true;
  }
  void TearDown() override {
    EXPECT_FALSE(off_pace_);
    EXPECT_FALSE(steering_jumped_);
  }
  void step_wall_clock(std::int64_t by_us) { wall_us_ += by_us; }
  std::int64_t ours() const { return slew_.at(boot_us_); }
  std::int64_t behind() const { return wall_us_ - ours(); }
  std::int64_t boot_us_ = kBootUs;
  std::int64_t wall_us_ = kWallUs;
  Slew slew_{kBootUs, kWallUs, 0};
  bool off_pace_ = false;
  bool steering_jumped_ = false;
};

TEST_F(SteppedWallClock, RunsWithTheWallClockWhileNobodySetsIt) {
  for (int i = 0; i < 1000; ++i) pass_a_second();
  EXPECT_EQ(ours(), wall_us_);
}

TEST_F(SteppedWallClock, ADayForwardEndsNoSessionOfHalfAnHourMoreThanNineSecondsEarly) {
  step_wall_clock(kDayUs);
  const std::int64_t start = ours();
  for (int i = 0; i < 1800; ++i) pass_a_second();
  EXPECT_LE(ours() - start, 1809 * kSecondUs);
}

TEST_F(SteppedWallClock, ADayBackKeepsNoSessionOfHalfAnHourMoreThanNineSecondsLate) {
  step_wall_clock(-kDayUs);
  const std::int64_t start = ours();
  for (int i = 0; i < 1800; ++i) pass_a_second();
  EXPECT_GE(ours() - start, 1791 * kSecondUs);
}

TEST_F(SteppedWallClock, ClosesADayInEitherDirectionByFiveMillisecondsASecond) {
  for (const std::int64_t step : {kDayUs, -kDayUs}) {
    slew_ = {boot_us_, wall_us_, 0};
    step_wall_clock(step);
    pass_a_second();
    EXPECT_EQ(behind(), step);
    for (int i = 0; i < 1000; ++i) pass_a_second();
    EXPECT_EQ(behind(), step - (step > 0 ? 5'000'000 : -5'000'000));
  }
}

TEST_F(SteppedWallClock, ConvergesFromAnHourInEitherDirectionAndStaysThere) {
  for (const std::int64_t step : {kDayUs / 24, -kDayUs / 24}) {
    step_wall_clock(step);
    for (std::int64_t seconds = 0; behind() != 0; ++seconds) {
      ASSERT_LE(seconds, 201 * 3600);
      pass_a_second();
    }
    for (int i = 0; i < 100; ++i) pass_a_second();
    EXPECT_EQ(behind(), 0) << "overshot";
  }
}

TEST_F(SteppedWallClock, SmallDriftIsGoneWithinTheNextSecondAndNotOvershot) {
  step_wall_clock(3000);
  pass_a_second();
  EXPECT_EQ(behind(), 3000);
  pass_a_second();
  EXPECT_EQ(behind(), 0);
  pass_a_second();
  EXPECT_EQ(behind(), 0);
}

TEST_F(SteppedWallClock, ASteeringThatComesAnHourLateFindsTheCorrectionDoneOnce) {
  step_wall_clock(4000);
  slew_ = slew_.towards(wall_us_, boot_us_);
  boot_us_ += 3600 * kSecondUs;
  wall_us_ += 3600 * kSecondUs;
  EXPECT_EQ(behind(), 0);
}

TEST(SystemClockTest, StartsAtTheWallClock) {
  const auto wall = [] { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); };
  const Time before = wall();
  const SystemClock clock;
  EXPECT_GE(clock.now() + Millis(1), before);
  EXPECT_LE(clock.now(), wall() + Millis(1));
  EXPECT_EQ(clock.behind_at_start(), Millis(0));
}

TEST(SystemClockTest, ShowsMicroseconds) {
  const SystemClock clock;
  const Time before = clock.now();
  bool finer_than_milliseconds = false;
  for (int i = 0; i < 1000 && !finer_than_milliseconds; ++i) {
    finer_than_milliseconds = clock.now_us().time_since_epoch() % Millis(1) != Micros(0);
  }
  EXPECT_TRUE(finer_than_milliseconds);
  EXPECT_LE(before, clock.now_us());
  EXPECT_LE(clock.now_us(), clock.now() + Millis(1));
}

TEST(SystemClockTest, StartsAtTheHighestTimeSeenWhenTheWallClockIsBehindIt) {
  const Time seen =
      std::chrono::floor<Millis>(std::chrono::system_clock::now()) + std::chrono::hours(24);
  const SystemClock clock(seen);
  EXPECT_GE(clock.now(), seen);
  EXPECT_GT(clock.behind_at_start(), std::chrono::hours(23));
  EXPECT_LE(clock.behind_at_start(), std::chrono::hours(24));
}

TEST(SystemClockTest, NeverGoesBackForAnyThreadWhileItIsSteered) {
  // A clock a day ahead is held back at every turn: the hardest case for staying monotonic.
  SystemClock clock(std::chrono::floor<Millis>(std::chrono::system_clock::now()) +
                    std::chrono::hours(24));
  std::atomic<std::int64_t> highest{0};
  std::atomic<bool> went_back{false};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) {
        const std::int64_t floor = highest.load();
        const std::int64_t now = unix_ms(clock.now());
        if (now < floor) went_back = true;
        std::int64_t seen = highest.load();
        while (seen < now && !highest.compare_exchange_weak(seen, now)) {
        }
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) clock.adjust();
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(went_back);
}

}  // namespace
}  // namespace sojourn::server
