#include "server/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(MetricsTest, SumsWhatEachWorkerCounted) {
  Metrics metrics;
  WorkerMetrics& first = metrics.add_worker();
  WorkerMetrics& second = metrics.add_worker();
  WorkerMetrics::add(first.commands, 3);
  WorkerMetrics::add(second.commands);
  WorkerMetrics::add(second.longest_turn_us, 70);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), 4u);
  EXPECT_EQ(metrics.max(&WorkerMetrics::longest_turn_us), 70u);
}

TEST(MetricsTest, CountsEachCommandByItsPlace) {
  Metrics metrics;
  for (int worker = 0; worker < 2; ++worker) {
    auto& get = metrics.add_worker().per_command[7];
    WorkerMetrics::add(get.calls, 2);
    WorkerMetrics::add(get.microseconds, 30);
    WorkerMetrics::add(get.failed);
  }
  const Metrics::CommandFigures figures = metrics.command(7);
  EXPECT_EQ(figures.calls, 4u);
  EXPECT_EQ(figures.microseconds, 60u);
  EXPECT_EQ(figures.rejected, 0u);
  EXPECT_EQ(figures.failed, 2u);
  EXPECT_EQ(metrics.command(8).calls, 0u);
}

TEST(MetricsTest, AResetBeginsCountsAnewAndLeavesWhatIsHeldNow) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  WorkerMetrics::add(worker.commands, 5);
  WorkerMetrics::add(worker.connections, 2);
  WorkerMetrics::add(worker.longest_turn_us, 9);
  WorkerMetrics::add(worker.per_command[1].calls, 5);
  metrics.count_error("ERR");
  metrics.reset();
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), 0u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::connections), 2u);
  EXPECT_EQ(metrics.max(&WorkerMetrics::longest_turn_us), 0u);
  EXPECT_EQ(metrics.command(1).calls, 0u);
  EXPECT_THAT(metrics.errors(), IsEmpty());
  WorkerMetrics::add(worker.commands);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::commands), 1u);
}

TEST(MetricsTest, AResetLosesNoCountOfAWorkerThatGoesOn) {
  constexpr std::uint64_t kCommands = 200'000;
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  std::thread counting([&] {
    for (std::uint64_t i = 0; i < kCommands; ++i) WorkerMetrics::add(worker.commands);
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    metrics.reset();
    last = metrics.sum(&WorkerMetrics::commands);
    EXPECT_LE(last, kCommands);
  }
  counting.join();
  EXPECT_EQ(worker.commands.load(), kCommands);
}

TEST(MetricsTest, SumsLatenciesOfAllWorkersSinceTheLastReset) {
  Metrics metrics;
  auto& first = metrics.add_worker().per_command[7];
  auto& second = metrics.add_worker().per_command[7];
  first.count_latency(2);
  metrics.reset();
  EXPECT_EQ(total(metrics.latencies(7)), 0u);
  first.count_latency(2);
  second.count_latency(2);
  second.count_latency(3);
  EXPECT_EQ(metrics.latencies(7)[2], 2u);
  EXPECT_EQ(total(metrics.latencies(7)), 3u);
  EXPECT_EQ(total(metrics.latencies(8)), 0u);
}

TEST(MetricsTest, CountsErrorsByTheirCode) {
  Metrics metrics;
  metrics.count_error("ERR");
  metrics.count_error("WRONGTYPE");
  metrics.count_error("ERR");
  EXPECT_THAT(metrics.errors(), ElementsAre(Pair("ERR", 2), Pair("WRONGTYPE", 1)));
}

TEST(MetricsTest, InventedErrorCodesDoNotFillTheMemory) {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) metrics.count_error("E" + std::to_string(i));
  const auto errors = metrics.errors();
  ASSERT_EQ(errors.size(), Metrics::kErrorCodesMax + 1);
  EXPECT_THAT(errors.back(), Pair("OTHER", 1000 - Metrics::kErrorCodesMax));
}

}  // namespace
}  // namespace sojourn::server
