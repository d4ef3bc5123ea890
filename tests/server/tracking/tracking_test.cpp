#include "server/tracking/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using To = Invalidation::To;

constexpr Reader kOne{1, 0}, kTwo{2, 1}, kThree{3, 1};

class TrackingTest : public ::testing::Test {
 protected:
  TrackingTest() {
    tracking.tell_through([this](std::size_t worker,
                                 Invalidation what) { told.emplace_back(worker, std::move(what)); },
                          [] { return std::size_t{2}; });
    for (const Reader& reader : {kOne, kTwo, kThree}) tracking.begin(reader);
  }
  static TrackedName name(std::string_view text) {
    return {text, std::hash<std::string_view>{}(text)*0x9e3779b97f4a7c15};
  }
  void change(std::vector<std::string_view> keys, std::uint64_t by = 0) {
    std::vector<TrackedName> names;
    for (const std::string_view key : keys) names.push_back(name(key));
    tracking.changed(names, by);
  }

  Tracking tracking;
  std::vector<std::pair<std::size_t, Invalidation>> told;
};

TEST_F(TrackingTest, TellsReadersThroughTheirWorkers) {
  for (const Reader& reader : {kOne, kTwo, kThree}) tracking.remember(name("s:1"), reader);
  change({"s:2"});
  EXPECT_THAT(told, IsEmpty());
  change({"s:1"}, 7);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].first, 0u);
  EXPECT_THAT(told[0].second.connections, ElementsAre(1));
  EXPECT_EQ(told[1].first, 1u);
  EXPECT_THAT(told[1].second.connections, ElementsAre(2, 3));
  EXPECT_EQ(*told[1].second.keys, "*1\r\n$3\r\ns:1\r\n");
  EXPECT_EQ(told[1].second.by, 7u);
  EXPECT_EQ(told[1].second.to, To::readers);
  change({"s:1"});
  EXPECT_EQ(told.size(), 2u) << "once for having read once";
}

TEST_F(TrackingTest, TellsSubscribersToAPrefixOfAllItsKeysTogether) {
  tracking.prefixes().add("s:", kOne);
  tracking.prefixes().add("s:2", kTwo);
  tracking.prefixes().add("x", kThree);
  change({"s:2", "y", "s:1", "s:2"});
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(*told[0].second.keys, "*2\r\n$3\r\ns:1\r\n$3\r\ns:2\r\n");
  EXPECT_EQ(told[0].second.to, To::subscribers);
  EXPECT_THAT(told[0].second.connections, ElementsAre(1));
  EXPECT_EQ(*told[1].second.keys, "*1\r\n$3\r\ns:2\r\n");
  EXPECT_THAT(told[1].second.connections, ElementsAre(2));
  tracking.prefixes().remove("s:", kOne);
  tracking.prefixes().remove("s:2", kTwo);
  EXPECT_EQ(tracking.prefixes().count(), 1u);
  change({"s:2"});
  EXPECT_EQ(told.size(), 2u);
}

TEST_F(TrackingTest, TellsEverybodyWhenAllHasChanged) {
  tracking.remember(name("s:1"), kOne);
  tracking.all_changed();
  ASSERT_EQ(told.size(), 2u);
  for (std::size_t worker = 0; worker < 2; ++worker) {
    EXPECT_EQ(told[worker].first, worker);
    EXPECT_EQ(told[worker].second.to, To::everybody);
    EXPECT_EQ(told[worker].second.keys, nullptr);
  }
  EXPECT_EQ(tracking.readers().keys(), 0u);
}

TEST_F(TrackingTest, GivesUpKeysOverTheLimit) {
  for (int i = 0; i < 50; ++i) {
    tracking.remember(name("s:" + std::to_string(i)), kOne);
    tracking.trim(10);
  }
  EXPECT_EQ(tracking.readers().keys(), 10u);
  EXPECT_EQ(told.size(), 40u);
  tracking.trim(0);
  EXPECT_EQ(tracking.readers().keys(), 10u) << "0 is no limit";
}

TEST_F(TrackingTest, ForgetsAllWithTheLastConnection) {
  tracking.remember(name("s:1"), kOne);
  tracking.end(kOne);
  tracking.end(kTwo);
  tracking.forget_if_last();
  EXPECT_EQ(tracking.readers().keys(), 1u);
  tracking.end(kThree);
  EXPECT_FALSE(tracking.any());
  EXPECT_EQ(tracking.readers().keys(), 1u) << "it may go on in another mode";
  tracking.forget_if_last();
  EXPECT_EQ(tracking.readers().keys(), 0u);
}

}  // namespace
}  // namespace sojourn::server
