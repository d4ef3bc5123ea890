#include "server/pubsub/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace sojourn::server {
namespace {

using enum TopicKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr auto kEver = std::chrono::steady_clock::time_point::max();

// Two workers; what their connections are given is noted as "1: *3..." without line ends.
class ChannelsTest : public ::testing::Test {
 protected:
  ChannelsTest() {
    for (std::size_t worker = 0; worker < 2; ++worker) {
      channels.mailbox(worker).serve([this, worker] { ++woken[worker]; },
                                     [this](std::uint64_t connection, const Delivery& delivery) {
                                       note(connection, delivery);
                                     });
    }
  }

  void note(std::uint64_t connection, const Delivery& delivery) {
    std::string text;
    delivery.append_to(text, protocol::Version::resp2);
    EXPECT_EQ(text.size(), delivery.bytes());
    const std::size_t end = text.size() - 2;
    const std::size_t start = text.rfind('\n', end - 1) + 1;
    got.push_back(std::to_string(connection) + ": " + text.substr(start, end - start));
    last = text;
  }

  std::vector<std::string> hand_out() {
    got.clear();
    for (std::size_t worker = 0; worker < 2; ++worker) channels.mailbox(worker).deliver_all();
    return got;
  }

  Channels channels;
  int woken[2] = {0, 0};
  std::vector<std::string> got;
  std::string last;
};

TEST_F(ChannelsTest, ReachSubscribersOfTheNameOnAllWorkers) {
  channels.subscribe({channel, "news"}, 0, 1);
  channels.subscribe({channel, "news"}, 1, 2);
  channels.subscribe({channel, "other"}, 1, 3);
  channels.subscribe({shard_channel, "news"}, 1, 4);
  EXPECT_EQ(channels.publish({channel, "news"}, "hello"), 2u);
  EXPECT_THAT(hand_out(), ElementsAre("1: hello", "2: hello"));
  EXPECT_EQ(channels.publish({shard_channel, "news"}, "shard"), 1u);
  EXPECT_THAT(hand_out(), ElementsAre("4: shard"));
  EXPECT_EQ(last, "*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$5\r\nshard\r\n");
}

TEST_F(ChannelsTest, ReachPatternsThatFitAfterTheChannel) {
  channels.subscribe({pattern, "n*"}, 0, 1);
  channels.subscribe({channel, "news"}, 0, 1);
  channels.subscribe({pattern, "x*"}, 0, 1);
  channels.subscribe({pattern, "n*"}, 1, 2);
  EXPECT_EQ(channels.publish({channel, "news"}, "hello"), 3u);
  EXPECT_THAT(hand_out(), ElementsAre("1: hello", "1: hello", "2: hello"));
  EXPECT_EQ(last, "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
  // Patterns are for channels, not for those of shards.
  EXPECT_EQ(channels.publish({shard_channel, "news"}, "x"), 0u);
}

TEST_F(ChannelsTest, WakeAWorkerOnceForManyMessagesAndOnlyIfItHasSubscribers) {
  channels.subscribe({channel, "news"}, 1, 2);
  for (int i = 0; i < 10; ++i) channels.publish({channel, "news"}, std::to_string(i));
  EXPECT_EQ(woken[0], 0);
  EXPECT_EQ(woken[1], 1);
  EXPECT_EQ(hand_out().size(), 10u);
  EXPECT_EQ(got.front(), "2: 0");
  EXPECT_EQ(got.back(), "2: 9");
  channels.publish({channel, "news"}, "again");
  EXPECT_EQ(woken[1], 2);
}

TEST_F(ChannelsTest, GiveANewSubscriberNothingThatWasPublishedBefore) {
  channels.subscribe({channel, "news"}, 0, 1);
  channels.publish({channel, "news"}, "old");
  channels.subscribe({channel, "news"}, 0, 2);
  channels.publish({channel, "news"}, "new");
  channels.mailbox(0).deliver_all();
  EXPECT_THAT(got, UnorderedElementsAre("1: old", "1: new", "2: new"));
}

TEST_F(ChannelsTest, GiveWhoUnsubscribesAllThatWasPublishedBeforeAndNothingAfter) {
  channels.subscribe({channel, "news"}, 0, 1);
  channels.subscribe({channel, "news"}, 1, 2);
  channels.publish({channel, "news"}, "old");
  channels.unsubscribe({channel, "news"}, 0, 1);
  EXPECT_THAT(got, ElementsAre("1: old"));
  channels.publish({channel, "news"}, "new");
  EXPECT_THAT(hand_out(), ElementsAre("2: old", "2: new"));
}

TEST_F(ChannelsTest, ForgetWhoHasEnded) {
  channels.subscribe({channel, "news"}, 0, 1);
  channels.subscribe({pattern, "n*"}, 0, 1);
  channels.publish({channel, "news"}, "x");
  channels.forget({channel, "news"}, 0, 1);
  channels.forget({pattern, "n*"}, 0, 1);
  EXPECT_THAT(hand_out(), IsEmpty());
  EXPECT_TRUE(channels.silent());
  EXPECT_EQ(channels.publish({channel, "news"}, "x"), 0u);
  EXPECT_FALSE(channels.mailbox(0).waiting());
}

TEST_F(ChannelsTest, CountTopicsNotSubscriptions) {
  channels.subscribe({channel, "a"}, 0, 1);
  channels.subscribe({channel, "a"}, 1, 2);
  channels.subscribe({channel, "b"}, 1, 2);
  channels.subscribe({pattern, "p*"}, 1, 2);
  EXPECT_EQ(channels.count(channel), 2u);
  EXPECT_EQ(channels.count(pattern), 1u);
  EXPECT_EQ(channels.subscribers({channel, "a"}), 2u);
  EXPECT_EQ(channels.subscribers({channel, "c"}), 0u);
  channels.unsubscribe({channel, "a"}, 0, 1);
  EXPECT_EQ(channels.count(channel), 2u);
  channels.unsubscribe({channel, "a"}, 1, 2);
  EXPECT_EQ(channels.count(channel), 1u);
}

TEST_F(ChannelsTest, AreWalkedInSteps) {
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back("c" + std::to_string(i));
    channels.subscribe({channel, all.back()}, 0, 1);
  }
  std::vector<std::string> seen;
  Channels::Place place;
  int steps = 1;
  const auto note = [&](std::string_view name) { seen.emplace_back(name); };
  while (channels.walk(channel, place, 7, note)) ++steps;
  EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(all));
  EXPECT_GE(steps, 300 / 7);
}

TEST_F(ChannelsTest, TellWhenWorkersDoNotKeepUp) {
  channels.subscribe({channel, "news"}, 0, 1);
  const std::string megabyte(1 << 20, 'x');
  int published = 0;
  while (!channels.behind() && published < 100) {
    channels.publish({channel, "news"}, megabyte);
    ++published;
  }
  EXPECT_EQ(published, 16);
  hand_out();
  EXPECT_FALSE(channels.behind());
}

TEST_F(ChannelsTest, HandOutSomeAndLeaveTheRestWhenTimeIsUp) {
  channels.subscribe({channel, "news"}, 0, 1);
  for (int i = 0; i < 100; ++i) channels.publish({channel, "news"}, std::to_string(i));
  EXPECT_FALSE(channels.mailbox(0).deliver({}));
  const std::size_t some = got.size();
  EXPECT_LT(some, 100u);
  EXPECT_GT(some, 0u);
  EXPECT_TRUE(channels.mailbox(0).waiting());
  EXPECT_TRUE(channels.mailbox(0).deliver(kEver));
  EXPECT_EQ(got.size(), 100u);
  EXPECT_EQ(got.back(), "1: 99");
  EXPECT_FALSE(channels.mailbox(0).waiting());
}

TEST_F(ChannelsTest, KeepEachPublishersOrderWhileOthersComeAndGo) {
  channels.subscribe({channel, "news"}, 0, 1);
  constexpr int kMessages = 5000;
  std::vector<std::string> mine;
  channels.mailbox(0).serve(
      [] {}, [&](std::uint64_t, const Delivery& delivery) { mine.emplace_back(delivery.tail); });
  std::thread publisher([&] {
    for (int i = 0; i < kMessages; ++i) channels.publish({channel, "news"}, std::to_string(i));
  });
  std::thread coming_and_going([&] {
    for (int i = 0; i < 1000; ++i) {
      channels.subscribe({i % 2 == 0 ? channel : pattern, "news"}, 1, 1000);
      channels.forget({i % 2 == 0 ? channel : pattern, "news"}, 1, 1000);
    }
  });
  publisher.join();
  coming_and_going.join();
  channels.mailbox(0).deliver_all();
  ASSERT_EQ(mine.size(), static_cast<std::size_t>(kMessages));
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_NE(mine[static_cast<std::size_t>(i)].find("\n" + std::to_string(i) + "\r"),
              std::string::npos);
  }
}

TEST(Message, DiffersInRespThreeInItsFirstByteOnly) {
  const Message message({channel, "c\r\n"}, "p", 7);
  EXPECT_EQ(message.channel().name, "c\r\n");
  std::string text;
  message.to_subscriber().append_to(text, protocol::Version::resp3);
  EXPECT_EQ(text, ">3\r\n$7\r\nmessage\r\n$3\r\nc\r\n\r\n$1\r\np\r\n");
  EXPECT_EQ(message.to_subscriber().after, 7u);
}

}  // namespace
}  // namespace sojourn::server
