#include "server/memory/region_source.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace sojourn::server {
namespace {

using namespace std::chrono_literals;

template <class Condition>
bool eventually(Condition holds) {
  // The source's thread runs only when nobody else wants to.
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(RegionSource, GetsSomeAheadOnceOneIsExpected) {
  RegionSource source;
  EXPECT_EQ(source.ready(), 0u);
  source.expect();
  EXPECT_TRUE(eventually([&] { return source.ready() > 0; }));
  std::vector<Region*> regions;
  for (std::size_t i = 0; i < 3 * RegionSource::kAhead; ++i) {
    regions.push_back(source.take());
    EXPECT_TRUE(regions.back()->empty());
  }
  EXPECT_TRUE(eventually([&] { return source.ready() > 0; }));
  for (Region* region : regions) Region::unmap(region);
}

TEST(RegionSource, HasNoneOnceItIsStopped) {
  RegionSource source;
  for (int round = 0; round < 3; ++round) {
    source.expect();
    EXPECT_TRUE(eventually([&] { return source.ready() > 0; })) << round;
    source.stop();
    EXPECT_TRUE(eventually([&] { return source.ready() == 0; })) << round;
  }
}

TEST(RegionSource, GivesThemBackWhenNobodyTakesAny) {
  RegionSource source(1ms);
  for (int round = 0; round < 3; ++round) {
    const auto expects = [&] {
      source.expect();
      return source.ready() > 0;
    };
    EXPECT_TRUE(eventually(expects)) << round;
    EXPECT_TRUE(eventually([&] { return source.ready() == 0; })) << round;
  }
}

}  // namespace
}  // namespace sojourn::server
