#include "server/observe/latency_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace sojourn::server {

bool operator==(const LatencyMonitor::Sample& a, const LatencyMonitor::Sample& b) {
  return a.at_s == b.at_s && a.ms == b.ms;
}

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Sample = LatencyMonitor::Sample;

constexpr Time at(std::int64_t second) { return Time(std::chrono::seconds(second)); }

TEST(LatencyMonitorTest, RemembersTheWorstOfEachSecond) {
  LatencyMonitor monitor;
  monitor.add("turn", at(100), 7ms);
  monitor.add("turn", at(100), 12ms);
  monitor.add("turn", at(100), 9ms);
  monitor.add("turn", at(103), 5999us);
  EXPECT_THAT(monitor.history("turn"), ElementsAre(Sample{100, 12}, Sample{103, 5}));
}

TEST(LatencyMonitorTest, TellsTheLatestOfEachEventAndItsWorst) {
  LatencyMonitor monitor;
  monitor.add("turn", at(100), 12ms);
  monitor.add("turn", at(200), 3ms);
  monitor.add("command", at(150), 4ms);
  const auto events = monitor.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].name, "command");
  EXPECT_EQ(events[1].name, "turn");
  EXPECT_EQ(events[1].latest, (Sample{200, 3}));
  EXPECT_EQ(events[1].max_ms, 12);
}

TEST(LatencyMonitorTest, ForgetsTheOldestSampleButNotTheWorstTime) {
  LatencyMonitor monitor;
  monitor.add("turn", at(1), 99ms);
  for (std::size_t i = 0; i < LatencyMonitor::kSamplesMax; ++i) {
    monitor.add("turn", at(2 + static_cast<std::int64_t>(i)), 5ms);
  }
  EXPECT_EQ(monitor.history("turn").size(), LatencyMonitor::kSamplesMax);
  EXPECT_EQ(monitor.history("turn").front(), (Sample{2, 5}));
  EXPECT_EQ(monitor.events().at(0).max_ms, 99);
}

TEST(LatencyMonitorTest, ForgetsWhatItIsToldTo) {
  LatencyMonitor monitor;
  for (const char* name : {"turn", "command", "fast-command"}) monitor.add(name, at(1), 5ms);
  const std::string_view names[] = {"turn", "nothing", "turn"};
  EXPECT_EQ(monitor.reset(names), 1u);
  EXPECT_THAT(monitor.history("turn"), IsEmpty());
  EXPECT_EQ(monitor.reset({}), 2u);
  EXPECT_THAT(monitor.events(), IsEmpty());
}

}  // namespace
}  // namespace sojourn::server
