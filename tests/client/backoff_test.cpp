#include "client/src/backoff.h"

#include <gtest/gtest.h>

namespace sojourn::detail {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsBoundWithUpToHalfLeftOut) {
  Backoff backoff(milliseconds(100), milliseconds(500), 1);
  for (const int bound : {100, 200, 400, 500, 500, 500}) {
    const milliseconds wait = backoff.next();
    EXPECT_GE(wait.count(), bound / 2);
    EXPECT_LE(wait.count(), bound);
  }
}

TEST(Backoff, BeginsAnewAfterASuccess) {
  Backoff backoff(milliseconds(100), milliseconds(100'000), 1);
  for (int i = 0; i < 8; ++i) backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next(), milliseconds(100));
}

TEST(Backoff, ScattersAFleet) {
  Backoff one(milliseconds(10'000), milliseconds(10'000), 1);
  Backoff other(milliseconds(10'000), milliseconds(10'000), 2);
  EXPECT_NE(one.next(), other.next());
}

TEST(Backoff, SurvivesHugeAndEmptyBounds) {
  Backoff huge(milliseconds(1), milliseconds::max(), 1);
  for (int i = 0; i < 200; ++i) EXPECT_GT(huge.next().count(), 0);
  Backoff none(milliseconds(0), milliseconds(0), 1);
  EXPECT_EQ(none.next(), milliseconds(1));
}

}  // namespace
}  // namespace sojourn::detail
