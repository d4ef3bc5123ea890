// A write's reply leaves when its record is in the store, and not before.

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class HeldReplies : public ServerTest {};

TEST_F(HeldReplies, WaitForTheStoreAndReadsOfOthersDoNot) {
  Peer writer = connect();
  EXPECT_EQ(writer.ask("SET s:1 alice"), "+OK");
  store.hold_writes();
  writer.send("SET s:1 bob\r\nGET s:1\r\n");
  store.wait_for_held(1);
  Peer reader = connect();
  EXPECT_EQ(reader.ask("PING"), "+PONG");
  EXPECT_TRUE(writer.silent());
  store.let_go();
  EXPECT_EQ(writer.read_line(), "+OK");
  EXPECT_EQ(writer.read(9), "$3\r\nbob\r\n");
}

TEST_F(HeldReplies, OfManyConnectionsAllLeaveWhenTheStoreGoesOn) {
  std::vector<Peer> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(connect());
    EXPECT_EQ(peers.back().ask("PING"), "+PONG");
  }
  store.hold_writes();
  for (Peer& peer : peers) peer.send("INCR counter\r\n");
  store.wait_for_held(1);
  store.let_go();
  for (Peer& peer : peers) EXPECT_EQ(peer.read_line().front(), ':');
}

TEST_F(HeldReplies, ToWritesWhoseFateIsUnknownNeverLeave) {
  Peer writer = connect();
  EXPECT_EQ(writer.ask("SET s:1 alice"), "+OK");
  store.fail_write(1, Errc::storage, 1000);
  writer.send("SET s:1 bob\r\n");
  EXPECT_TRUE(writer.is_closed());
  Peer reader = connect();
  EXPECT_EQ(reader.ask("SET s:2 carol").substr(0, 8), "-MISCONF");
}

TEST_F(HeldReplies, OfAWriterThatIsGoneHurtNobody) {
  Peer other = connect();
  EXPECT_EQ(other.ask("PING"), "+PONG");
  store.hold_writes();
  {
    Peer writer = connect();
    writer.send("SET s:1 alice\r\n");
    store.wait_for_held(1);
  }
  EXPECT_EQ(other.ask("PING"), "+PONG");
  store.let_go();
  eventually([&] { return server->count() == 1; }, "the writer's connection is closed");
  EXPECT_EQ(other.ask("EXISTS s:1"), ":1");
}

TEST_F(HeldReplies, LeaveBeforeTheServerStops) {
  Peer writer = connect();
  EXPECT_EQ(writer.ask("PING"), "+PONG");
  std::string pipeline, replies;
  for (int i = 0; i < 1000; ++i) {
    pipeline += request("SET", "s:" + std::to_string(i), "v");
    replies += "+OK\r\n";
  }
  const std::uint64_t before = metrics.sum(&WorkerMetrics::net_input_bytes);
  writer.send(pipeline);
  eventually(
      [&] { return metrics.sum(&WorkerMetrics::net_input_bytes) == before + pipeline.size(); },
      "read");
  server->stop();
  EXPECT_EQ(writer.read_to_end(), replies);
}

}  // namespace
}  // namespace sojourn::server
