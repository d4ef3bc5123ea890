// Messages on their way from one worker to the connections of others.

#include <vector>

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Messages : public ServerTest {
 protected:
  Peer subscriber(const std::string& channel) {
    Peer peer = connect();
    peer.send(request("SUBSCRIBE", channel));
    const std::string reply = "*3\r\n$9\r\nsubscribe\r\n$" + std::to_string(channel.size()) +
                              "\r\n" + channel + "\r\n:1\r\n";
    EXPECT_EQ(peer.read(reply.size()), reply);
    return peer;
  }
  static std::string message(const std::string& channel, const std::string& payload) {
    return "*3\r\n$7\r\nmessage\r\n$" + std::to_string(channel.size()) + "\r\n" + channel +
           "\r\n$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
  }
  // The reply. While the other worker has no processor to work on, publishers wait a little, which
  // takes a clock that goes on.
  std::string publish(Peer& peer, const std::string& payload) {
    peer.send(request("PUBLISH", "news", payload));
    auto patience = std::chrono::steady_clock::now() + 50ms;
    eventually(
        [&] {
          if (!peer.silent()) return true;
          if (std::chrono::steady_clock::now() > patience) {
            patience += 50ms;
            advance(3ms);
          }
          return false;
        },
        "a reply to PUBLISH");
    return peer.read_line();
  }
  std::uint64_t output_bytes() { return metrics.sum(&WorkerMetrics::output_buffer_bytes); }
};

TEST_F(Messages, ReachTheConnectionsOfAllWorkers) {
  std::vector<Peer> peers;
  for (int i = 0; i < 6; ++i) peers.push_back(subscriber("news"));
  Peer publisher = connect();
  EXPECT_EQ(publisher.ask("PUBLISH news hello"), ":6");
  const std::string expected = message("news", "hello");
  for (Peer& peer : peers) EXPECT_EQ(peer.read(expected.size()), expected);
}

TEST_F(Messages, AreThereBeforeTheReplyToWhatIsAskedNext) {
  Peer publisher = connect();
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.push_back(subscriber("news"));
  for (int round = 0; round < 200; ++round) {
    const std::string expected =
        message("news", std::to_string(round)) + "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
    ASSERT_EQ(publisher.ask("PUBLISH news " + std::to_string(round)), ":4");
    for (Peer& peer : peers) peer.send("PING\r\n");
    for (Peer& peer : peers) ASSERT_EQ(peer.read(expected.size()), expected);
  }
}

// Who subscribes gets at once what was published before; in a transaction, before its reply.
TEST_F(Messages, AreNeverInTheMidstOfATransactionsReply) {
  Peer peer = connect();
  peer.send("HELLO 3\r\nSUBSCRIBE news\r\nECHO ready\r\n");
  while (peer.read_line() != "ready") {
  }
  peer.send("MULTI\r\nPUBLISH news hello\r\nSUBSCRIBE sport\r\nEXEC\r\n");
  const std::string expected =
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n"
      ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
      "*2\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$5\r\nsport\r\n:2\r\n";
  EXPECT_EQ(peer.read(expected.size()), expected);
}

TEST_F(Messages, EndAPeerThatLeavesTooManyUnread) {
  start("client-output-buffer-limit pubsub 1mb 0 0\n");
  Peer slow = subscriber("news");
  Peer publisher = connect();
  int got = 0;
  for (int i = 0; i < 400; ++i) {
    if (publish(publisher, std::string(100'000, 'x')) == ":1") ++got;
  }
  EXPECT_LT(got, 400);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::output_limit_disconnections), 1u);
  eventually([&] { return output_bytes() < 256u * 1024; }, "its memory is given back");
}

// More in one turn than the limit: it counts at once, not when the socket has taken its share.
TEST_F(Messages, CountAsSoonAsTheyArePublished) {
  start("client-output-buffer-limit pubsub 64kb 0 0\n", 1);
  Peer one = subscriber("news");
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += request("PUBLISH", "news", std::string(10'000, 'x'));
  Peer publisher = connect();
  publisher.send(pipeline);
  for (int i = 0; i < 100; ++i) publisher.read_line();
  EXPECT_LT(one.read_to_end().size(), 100u * 10'000);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::output_limit_disconnections), 1u);
}

TEST_F(Messages, EndAPeerThatLeavesManyUnreadForLong) {
  start("client-output-buffer-limit pubsub 0 64kb 100\n");
  Peer slow = subscriber("news");
  Peer publisher = connect();
  while (output_bytes() < 4u * 1024 * 1024) {
    ASSERT_EQ(publish(publisher, std::string(1'000'000, 'x')), ":1");
  }
  advance(101s);
  eventually([&] { return metrics.sum(&WorkerMetrics::output_limit_disconnections) == 1; },
             "its time is up");
}

TEST_F(Messages, KeepAPeerThatAsksForNothing) {
  start("timeout 60\n");
  Peer listening = subscriber("news");
  Peer idle = connect();
  EXPECT_EQ(idle.ask("PING"), "+PONG");
  advance(61s);
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(connect().ask("PUBLISH news hello"), ":1");
  const std::string expected = message("news", "hello");
  EXPECT_EQ(listening.read(expected.size()), expected);
}

TEST_F(Messages, OfAChangeWaitUntilItIsWritten) {
  start("notify-keyspace-events E$\n");
  Peer listening = subscriber("__keyevent@0__:set");
  Peer writer = connect();
  store.hold_writes();
  writer.send("SET s:1 alice\r\n");
  store.wait_for_held(1);
  // Both workers have had a turn since.
  Peer one = connect();
  Peer two = connect();
  EXPECT_EQ(one.ask("PING"), "+PONG");
  EXPECT_EQ(two.ask("PING"), "+PONG");
  EXPECT_TRUE(listening.silent());
  store.let_go();
  EXPECT_EQ(writer.read_line(), "+OK");
  const std::string expected = message("__keyevent@0__:set", "s:1");
  EXPECT_EQ(listening.read(expected.size()), expected);
}

TEST_F(Messages, ToThoseWhoAreGoneGoNowhere) {
  Peer publisher = connect();
  {
    Peer gone = subscriber("news");
    EXPECT_EQ(publisher.ask("PUBLISH news hello"), ":1");
  }
  eventually([&] { return publisher.ask("PUBLISH news hello") == ":0"; }, "it is forgotten");
}

}  // namespace
}  // namespace sojourn::server
