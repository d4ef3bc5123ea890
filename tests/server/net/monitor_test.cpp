// What MONITOR shows of requests on all workers.

#include <set>

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Monitors : public ServerTest {
 protected:
  Peer monitor() {
    Peer peer = connect();
    EXPECT_EQ(peer.ask("MONITOR"), "+OK");
    return peer;
  }
  // A line without the time and the address.
  static std::string words(const std::string& line) {
    EXPECT_EQ(line.substr(0, 2), "+1") << line;
    return line.substr(line.find(']') + 2);
  }
};

TEST_F(Monitors, SeeEachRequestOfEachConnectionOnceAndInOrder) {
  std::vector<Peer> monitors;
  for (int i = 0; i < 3; ++i) monitors.push_back(monitor());
  constexpr int kPeers = 4, kRequests = 200;
  std::vector<Peer> peers;
  for (int i = 0; i < kPeers; ++i) peers.push_back(connect());
  for (int i = 0; i < kPeers; ++i) {
    std::string pipeline;
    for (int n = 0; n < kRequests; ++n) {
      pipeline += request("SET", "s:" + std::to_string(i), std::to_string(n));
    }
    peers[static_cast<std::size_t>(i)].send(pipeline);
  }
  for (Peer& peer : monitors) {
    std::vector<int> next(kPeers, 0);
    for (int seen = 0; seen < kPeers * kRequests; ++seen) {
      const std::string line = words(peer.read_line());
      ASSERT_EQ(line.substr(0, 9), "\"SET\" \"s:");
      const auto who = static_cast<std::size_t>(line[9] - '0');
      ASSERT_EQ(line.substr(10), "\" \"" + std::to_string(next[who]++) + "\"");
    }
  }
}

// What follows the reply to MONITOR is shown, whichever worker runs it.
TEST_F(Monitors, SeeAllThatBeginsAfterTheirReply) {
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(connect());
    EXPECT_EQ(peers.back().ask("PING"), "+PONG");
  }
  for (int round = 0; round < 50; ++round) {
    Peer peer = monitor();
    Peer& other = peers[static_cast<std::size_t>(round % 4)];
    EXPECT_EQ(other.ask("PING"), "+PONG");
    ASSERT_EQ(words(peer.read_line()), "\"PING\"");
  }
}

TEST_F(Monitors, ThatLeaveTooMuchUnreadAreCutOffAndCostNobodyElseAnything) {
  start("client-output-buffer-limit normal 1mb 0 0\n");
  Peer slow = monitor();
  Peer peer = connect();
  const std::string ping = request("ECHO", std::string(100'000, 'x'));
  for (int i = 0; i < 400; ++i) {
    peer.send(ping);
    EXPECT_EQ(peer.read(100'011).size(), 100'011u);
  }
  eventually([&] { return server->count() == 1; }, "the monitor is cut off");
  EXPECT_EQ(metrics.sum(&WorkerMetrics::output_limit_disconnections), 1u);
  EXPECT_EQ(services->channels->count(TopicKind::monitor), 0u);
}

TEST_F(Monitors, ThatAreGoneCostNothing) {
  { Peer gone = monitor(); }
  eventually([&] { return services->channels->count(TopicKind::monitor) == 0; }, "it is forgotten");
}

TEST_F(Monitors, ThatAskForNothingStay) {
  start("timeout 60\n");
  Peer peer = monitor();
  Peer idle = connect();
  EXPECT_EQ(idle.ask("PING"), "+PONG");
  EXPECT_EQ(words(peer.read_line()), "\"PING\"");
  advance(61s);
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(connect().ask("PING"), "+PONG");
  EXPECT_EQ(words(peer.read_line()), "\"PING\"");
}

}  // namespace
}  // namespace sojourn::server
