// Requests that wait for what may never come: WAIT and WAITAOF.

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Waits : public ServerTest {
 protected:
  std::string id_of(Peer& peer) { return peer.ask("CLIENT ID").substr(1); }
  void until_blocked(std::size_t count) {
    eventually([&] { return services->blocked->count() == count; }, "so many are blocked");
  }
};

TEST_F(Waits, AreEndedFromAnotherWorker) {
  std::vector<Peer> peers;
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(connect());
    ids.push_back(id_of(peers.back()));
    peers.back().send("WAIT 1 0\r\nPING\r\n");
  }
  until_blocked(4);
  Peer operating = connect();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(peers[i].silent());
    const bool by_error = i % 2 != 0;
    EXPECT_EQ(operating.ask("CLIENT UNBLOCK " + ids[i] + (by_error ? " ERROR" : "")), ":1");
    EXPECT_EQ(peers[i].read_line(),
              by_error ? "-UNBLOCKED client unblocked via CLIENT UNBLOCK" : ":0");
    EXPECT_EQ(peers[i].read_line(), "+PONG") << "what was sent behind it follows";
  }
  EXPECT_EQ(services->blocked->count(), 0u);
}

TEST_F(Waits, EndWhenTheirTimeIsUp) {
  Peer peer = connect();
  peer.send("WAIT 1 5000\r\n");
  until_blocked(1);
  advance(5000ms);
  EXPECT_EQ(peer.read_line(), ":0");
}

TEST_F(Waits, ForTheDiskEndWithTheNextSync) {
  Peer writer = connect();
  EXPECT_EQ(writer.ask("SET s:1 alice"), "+OK");
  store.hold_syncs();
  EXPECT_EQ(writer.ask("SET s:1 bob"), "+OK") << "by default nobody waits for a sync";
  writer.send("WAITAOF 1 0 0\r\n");
  until_blocked(1);
  store.wait_for_held(1);
  Peer other = connect();
  EXPECT_EQ(other.ask("PING"), "+PONG");
  EXPECT_TRUE(writer.silent());
  store.let_go();
  EXPECT_EQ(writer.read(12), "*2\r\n:1\r\n:0\r\n");
}

// What was written in the same turn is not even in the store when it is asked for.
TEST_F(Waits, ForTheDiskCoverWhatWasSentWithThem) {
  Peer writer = connect();
  for (int i = 0; i < 20; ++i) {
    writer.send("SET s:1 " + std::to_string(i) + "\r\nWAITAOF 1 0 0\r\n");
    EXPECT_EQ(writer.read_line(), "+OK");
    ASSERT_EQ(writer.read(12), "*2\r\n:1\r\n:0\r\n");
    EXPECT_EQ(journal->synced(), journal->appended());
  }
}

TEST_F(Waits, OfAPeerThatIsGoneAreForgotten) {
  connect().ask("PING");
  {
    Peer gone = connect();
    gone.send("WAIT 1 0\r\n");
    until_blocked(1);
  }
  until_blocked(0);
}

TEST_F(Waits, EndWhenTheConnectionIsKilled) {
  Peer peer = connect();
  const std::string id = id_of(peer);
  peer.send("WAIT 1 0\r\n");
  until_blocked(1);
  EXPECT_EQ(connect().ask("CLIENT KILL ID " + id), ":1");
  EXPECT_TRUE(peer.is_closed());
  until_blocked(0);
}

TEST_F(Waits, AreInClientList) {
  Peer peer = connect();
  const std::string id = id_of(peer);
  peer.send("WAIT 1 0\r\n");
  until_blocked(1);
  Peer operating = connect();
  const auto line = [&] {
    operating.send("CLIENT LIST ID " + id + "\r\n");
    const std::string head = operating.read_line();
    return operating.read(std::stoul(head.substr(1)) + 2);
  };
  eventually([&] { return line().find(" flags=b ") != std::string::npos; }, "it is blocked");
  EXPECT_EQ(operating.ask("CLIENT UNBLOCK " + id), ":1");
  EXPECT_EQ(peer.read_line(), ":0");
  EXPECT_NE(line().find(" flags=N "), std::string::npos);
}

}  // namespace
}  // namespace sojourn::server
