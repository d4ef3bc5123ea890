#include "server/net/upkeep_share.h"

#include <gtest/gtest.h>

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

// Of the time, in the long run, with others busy for so much of what is left.
double share(double busy) {
  constexpr auto kStep = 100us;
  UpkeepShare share;
  UpkeepShare::Duration now{0};
  int steps = 0;
  while (now < 1s) {
    now += 1us;
    share.note_turn(std::chrono::nanoseconds(static_cast<int>(busy * 1000)));
    if (!share.due(now)) continue;
    now += kStep;
    share.note_step(kStep, now);
    ++steps;
  }
  return steps * 100e-6;
}

TEST(UpkeepShare, IsAllWhileNobodyElseWantsAnything) { EXPECT_NEAR(share(0), 0.99, 0.01); }

TEST(UpkeepShare, IsLessTheMoreOthersWant) {
  EXPECT_NEAR(share(0.1), 0.5, 0.01);
  EXPECT_NEAR(share(0.7), 0.125, 0.01);
  EXPECT_NEAR(share(1), 0.09, 0.01);
}

}  // namespace
}  // namespace sojourn::server
