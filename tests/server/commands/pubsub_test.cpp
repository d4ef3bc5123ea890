// Publishing and subscribing, in process. What is sent over sockets is in net/pubsub_test.cpp.

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PubsubCommands : public CommandTest {
 protected:
  Client& other = connect();
};

TEST_F(PubsubCommands, BringMessagesToSubscribers) {
  other.run("SUBSCRIBE news");
  EXPECT_EQ(run("PUBLISH news hello"), "(integer) 1");
  EXPECT_EQ(run("PUBLISH nobody hello"), "(integer) 0");
  EXPECT_THAT(other.messages(), ElementsAre("1) \"message\"\n2) \"news\"\n3) \"hello\""));
  EXPECT_THAT(client().messages(), IsEmpty());
}

TEST_F(PubsubCommands, PushMessagesInRespThree) {
  other.state.version = protocol::Version::resp3;
  other.run("PSUBSCRIBE n*");
  run("PUBLISH news hello");
  EXPECT_THAT(other.messages(),
              ElementsAre("1> \"pmessage\"\n2> \"n*\"\n3> \"news\"\n4> \"hello\""));
}

TEST_F(PubsubCommands, AnswerForEachOfSeveralChannels) {
  EXPECT_EQ(*other.try_raw({"SUBSCRIBE", "a", "b", "a"}),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n");
  EXPECT_EQ(*other.try_raw({"UNSUBSCRIBE"}),
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n"
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n");
  EXPECT_FALSE(other.state.subscriptions.any());
}

TEST_F(PubsubCommands, LetASubscriberInRespTwoDoLittleElse) {
  other.run("SUBSCRIBE news");
  const std::string refusal =
      "(error) ERR Can't execute 'set': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
      "RESET are allowed in this context";
  EXPECT_EQ(other.run("SET s:1 alice"), refusal);
  EXPECT_EQ(run("GET s:1"), "(nil)");
  EXPECT_EQ(other.run("PING"), "1) \"pong\"\n2) \"\"");
  other.run("UNSUBSCRIBE news");
  EXPECT_EQ(other.run("SET s:1 alice"), "OK");
}

TEST_F(PubsubCommands, ResetEndsAllSubscriptions) {
  other.run("SUBSCRIBE news");
  other.run("SSUBSCRIBE news");
  EXPECT_EQ(other.run("RESET"), "RESET");
  EXPECT_EQ(run("PUBLISH news x"), "(integer) 0");
  EXPECT_EQ(run("SPUBLISH news x"), "(integer) 0");
  EXPECT_EQ(other.run("PING"), "PONG");
}

TEST_F(PubsubCommands, ListManyChannelsInSteps) {
  std::vector<std::string> words{"SUBSCRIBE"};
  for (int i = 0; i < 2500; ++i) words.push_back("c" + std::to_string(i));
  other.try_raw(words);
  const auto all = client().ask({"PUBSUB", "CHANNELS"});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->elements.size(), 2500u);
  const auto some = client().ask({"PUBSUB", "CHANNELS", "c1?"});
  EXPECT_EQ(some->elements.size(), 10u);
}

TEST_F(PubsubCommands, ShowInClientListAndInfo) {
  other.run("SUBSCRIBE a");
  other.run("PSUBSCRIBE p*");
  EXPECT_THAT(run("CLIENT LIST TYPE pubsub"), HasSubstr("flags=P db=0 sub=1 psub=1 ssub=0 multi"));
  EXPECT_THAT(run("CLIENT LIST TYPE normal"), ::testing::Not(HasSubstr("sub=1")));
  EXPECT_THAT(run("INFO stats"), HasSubstr("pubsub_channels:1\r\npubsub_patterns:1\r\n"));
  EXPECT_EQ(run("CLIENT KILL TYPE pubsub"), "(integer) 1");
  EXPECT_THAT(connections.closed, ElementsAre(other.state.id));
}

TEST_F(PubsubCommands, PublishersWaitWhileMessagesPileUp) {
  other.run("SUBSCRIBE news");
  const std::string megabyte(1 << 20, 'x');
  int published = 0;
  while (client().try_raw({"PUBLISH", "news", megabyte})) ASSERT_LT(++published, 100);
  EXPECT_EQ(published, 16);
  EXPECT_EQ(run("GET s:1"), "(nil)") << "others do not";
  EXPECT_EQ(other.messages().size(), 16u);
  advance(10ms);
  EXPECT_TRUE(client().try_raw({"PUBLISH", "news", megabyte}));
}

}  // namespace
}  // namespace sojourn::server
