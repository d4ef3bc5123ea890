// No turn of a worker grows with what it is asked for. Turns are counted here, not timed: on a
// virtual machine even the processor time of a thread includes what the host took.

#include <string>

#include "server/net/worker_limits.h"
#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Turns : public ServerTest {
 protected:
  void fill(Peer& peer, int keys) {
    std::string requests;
    for (int i = 0; i < keys; ++i) {
      requests += request("SET", "session:" + std::to_string(i), "alice");
    }
    peer.send(requests);
    for (int i = 0; i < keys; ++i) ASSERT_EQ(peer.read_line(), "+OK");
  }
  std::uint64_t turns() const { return metrics.sum(&WorkerMetrics::turns); }
};

TEST_F(Turns, AreMeasured) {
  Peer peer = connect();
  fill(peer, 1000);
  const std::uint64_t worked = metrics.max(&WorkerMetrics::longest_turn_cpu_us);
  EXPECT_GT(worked, 0u);
  EXPECT_LE(worked, metrics.max(&WorkerMetrics::longest_turn_us));
}

TEST_F(Turns, EndThoughRequestsAreLeft) {
  start("", 1);
  Peer peer = connect();
  fill(peer, 5000);
  const std::uint64_t before = turns();
  std::string scans;
  for (int i = 0; i < 1000; ++i)
    scans += request("SCAN", "0", "MATCH", "nothing*", "COUNT", "1000");
  peer.send(scans);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(peer.read_line(), "*2");
    peer.read_line();
    peer.read_line();
    ASSERT_EQ(peer.read_line(), "*0");
  }
  // A thousand fit into one turn by their number and by their bytes, but not by their time.
  EXPECT_GT(turns(), before + 10);
}

TEST_F(Turns, OfKeysAreShort) {
  constexpr int kKeys = 50'000;
  start("", 1);
  Peer peer = connect();
  fill(peer, kKeys);
  const std::uint64_t before = turns();
  peer.send(request("KEYS", "*") + request("PING"));
  ASSERT_EQ(peer.read_line(), "*" + std::to_string(kKeys));
  // How many there are is known when all have been looked at: at most 1,000 in a turn.
  EXPECT_GE(turns(), before + kKeys / 1000);
  for (int i = 0; i < kKeys; ++i) {
    peer.read_line();
    ASSERT_TRUE(peer.read_line().starts_with("session:"));
  }
  EXPECT_EQ(peer.read_line(), "+PONG");
}

// What the kernel takes in one go it takes in one turn: several megabytes, for a value of eight.
TEST_F(Turns, OfLargeRepliesAreShort) {
  constexpr std::size_t kBytes = 8'000'000;
  start("", 1);
  Peer peer = connect();
  peer.send(request("SET", "s:1", std::string(kBytes, 'v')));
  ASSERT_EQ(peer.read_line(), "+OK");
  const std::uint64_t before = turns();
  peer.send(request("GET", "s:1"));
  ASSERT_EQ(peer.read_line(), "$" + std::to_string(kBytes));
  ASSERT_EQ(peer.read_line().size(), kBytes);
  EXPECT_GE(turns(), before + kBytes / kSentOfOneMax);
}

TEST_F(Turns, OfAConnectionThatIsGoneEnd) {
  start("", 1);
  {
    Peer peer = connect();
    fill(peer, 20'000);
    peer.send(request("KEYS", "*"));
  }
  Peer other = connect();
  EXPECT_EQ(other.ask("PING"), "+PONG");
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) < 1024; }, "freed");
}

TEST_F(Turns, ThatWereLongAreRemembered) {
  start("latency-monitor-threshold 1", 1);
  Peer peer = connect();
  // A word of 64 MB is copied where it belongs in one piece.
  peer.send(request("SET", "s:1", std::string(64 * 1024 * 1024, 'v')));
  EXPECT_EQ(peer.read_line(), "+OK");
  eventually([&] { return !services->latency->history("turn").empty(); }, "noted");
  EXPECT_GE(services->latency->history("turn").back().ms, 1);
}

}  // namespace
}  // namespace sojourn::server
