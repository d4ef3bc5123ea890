// Values that are away (maxmemory-policy spill): who waits for them, and who does not.

#include <string>
#include <thread>
#include <vector>

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

const std::string kLong(500, 'v');

class Spilling : public ServerTest {
 protected:
  void serve(const std::string& configuration) {
    start(configuration);
    services->gauges->share_memory(*services);
    eventually([&] { return keyspace->warm(); }, "the server is warm");
  }
};

TEST_F(Spilling, HoldsUpOnlyThoseWhoNeedWhatIsAway) {
  serve("enable-debug-command yes\n");
  Peer writer = connect();
  EXPECT_EQ(writer.ask("SET s:1 " + kLong), "+OK");
  EXPECT_EQ(writer.ask("SET s:2 x"), "+OK");
  EXPECT_EQ(writer.ask("DEBUG SPILL"), "+OK");
  ASSERT_EQ(keyspace->totals().away, 1u);
  store.hold_reads();
  std::vector<Peer> waiting, others;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(connect());
    waiting.back().send("STRLEN s:1\r\nSTRLEN s:2\r\n");
    others.push_back(connect());
  }
  store.wait_for_held(2);
  for (Peer& other : others) {
    EXPECT_EQ(other.ask("STRLEN s:2"), ":1");
    EXPECT_EQ(other.ask("EXISTS s:1"), ":1");
    EXPECT_EQ(other.ask("PEXPIRE s:1 100000"), ":1");
  }
  for (Peer& peer : waiting) EXPECT_TRUE(peer.silent());
  store.let_go();
  for (Peer& peer : waiting) {
    EXPECT_EQ(peer.read_line(), ":500");
    EXPECT_EQ(peer.read_line(), ":1");
  }
}

TEST_F(Spilling, WhoIsGoneWhenHisValueComesIsNotMissed) {
  serve("enable-debug-command yes\n");
  Peer writer = connect();
  EXPECT_EQ(writer.ask("SET s:1 " + kLong), "+OK");
  EXPECT_EQ(writer.ask("DEBUG SPILL"), "+OK");
  store.hold_reads();
  {
    Peer gone = connect();
    gone.send("GET s:1\r\n");
    store.wait_for_held(1);
  }
  store.let_go();
  EXPECT_EQ(writer.ask("STRLEN s:1"), ":500");
}

// Nothing can leave while the disk does not take what was written: but that is no reason to refuse.
TEST_F(Spilling, AWriteWaitsUntilThereIsRoom) {
  constexpr std::size_t kSessions = 30'000;
  serve("maxmemory 12mb\nmaxmemory-policy spill\nenable-debug-command yes\n");
  Peer other = connect();
  EXPECT_EQ(other.ask("SET s:1 x"), "+OK");
  EXPECT_EQ(other.ask("SET s:2 " + kLong), "+OK");
  EXPECT_EQ(other.ask("DEBUG SPILL"), "+OK");
  Peer writer = connect();
  store.hold_writes();
  std::string requests;
  for (std::size_t i = 0; i < kSessions; ++i) {
    requests += "SET t:" + std::to_string(i) + " " + kLong + "\r\n";
  }
  std::thread sender([&] { writer.send(requests); });
  eventually([&] { return keyspace->room() == Keyspace::Room::soon; }, "there is no room");
  EXPECT_EQ(other.ask("STRLEN s:1"), ":1");
  EXPECT_EQ(other.ask("STRLEN s:2"), ":500") << "who reads waits for the reading alone";
  EXPECT_LT(keyspace->size(0).value_or(0), kSessions);
  store.let_go();
  eventually(
      [&] {
        advance(1ms);
        return keyspace->size(0) == kSessions + 2;
      },
      "all are there");
  sender.join();
  for (std::size_t i = 0; i < kSessions; ++i) ASSERT_EQ(writer.read_line(), "+OK");
  EXPECT_GT(keyspace->totals().away, kSessions / 8);
  EXPECT_EQ(other.ask("STRLEN t:17"), ":500");
}

}  // namespace
}  // namespace sojourn::server
