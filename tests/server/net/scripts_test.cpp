// Scripts that do not end, on real workers.

#include <string>
#include <vector>

#include "server/store/record.h"
#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class EndlessScripts : public ServerTest {
 protected:
  // Begins one that has written, or not, and waits until others are served beside it.
  Peer begin(bool writes) {
    Peer peer = connect();
    id_ = peer.ask("CLIENT ID").substr(1);
    peer.send(request("EVAL",
                      std::string(writes ? "redis.call('SET', KEYS[1], 1) " : "") +
                          "while true do redis.call('GET', KEYS[1]) end",
                      "1", "held"));
    eventually([&] { return services->scripts->standing() == Scripts::Standing::slow; },
               "the script is slow");
    return peer;
  }
  // Closes its connection.
  void kill(Peer& script, Peer& other) {
    EXPECT_EQ(other.ask("CLIENT KILL ID " + id_), ":1");
    EXPECT_TRUE(script.is_closed());
  }
  // The request was read, too, when this returns.
  void ask_in_vain(Peer& peer, const std::string& line) {
    peer.send("ECHO sent\r\n" + line + "\r\n");
    EXPECT_EQ(peer.read_line(), "$4");
    EXPECT_EQ(peer.read_line(), "sent");
  }
  std::size_t rows_of(std::string_view name) {
    std::size_t rows = 0;
    auto walk = memory.walk(Column::records);
    for ((*walk)->seek({}); (*walk)->valid(); (*walk)->next()) {
      rows += split_row_key((*walk)->key())->key == name ? 1 : 0;
    }
    return rows;
  }
  void hold_up_nobody(std::size_t workers) {
    start("busy-reply-threshold 0", workers);
    std::vector<Peer> waiting;
    for (std::size_t i = 0; i < 2 * workers; ++i) waiting.push_back(connect());
    Peer script = begin(false);
    for (Peer& peer : waiting) ask_in_vain(peer, "GET held");
    for (std::size_t i = 0; i < workers; ++i) {
      Peer other = connect();
      others_are_served(other);
      EXPECT_EQ(other.ask("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.");
    }
    for (Peer& peer : waiting) EXPECT_TRUE(peer.silent());
    Peer killing = connect();
    kill(script, killing);
    for (Peer& peer : waiting) EXPECT_EQ(peer.read_line(), "$-1");
  }
  void others_are_served(Peer& other) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(other.ask("SET free " + std::to_string(i)), "+OK");
      EXPECT_EQ(other.ask("PING"), "+PONG");
    }
  }

  std::string id_;
};

// It is the script's own worker that serves the others.
TEST_F(EndlessScripts, OfTheOnlyWorkerHoldUpNobodyButWhoWantsTheirKeys) { hold_up_nobody(1); }

TEST_F(EndlessScripts, HoldUpNobodyButWhoWantsTheirKeys) { hold_up_nobody(3); }

TEST_F(EndlessScripts, ThatHaveWrittenGoOnWithoutTheirConnection) {
  start("busy-reply-threshold 0", 1);
  Peer other = connect();
  Peer script = begin(true);
  kill(script, other);
  others_are_served(other);
  EXPECT_EQ(services->scripts->standing(), Scripts::Standing::slow);
}

// Whatever waits for them is let go, and nothing of them is written.
TEST_F(EndlessScripts, EndWithTheServer) {
  start("busy-reply-threshold 0", 2);
  std::vector<Peer> waiting;
  for (int i = 0; i < 6; ++i) waiting.push_back(connect());
  Peer script = begin(true);
  const char* const requests[] = {"GET held", "DBSIZE", "FLUSHALL"};
  for (std::size_t i = 0; i < waiting.size(); ++i) ask_in_vain(waiting[i], requests[i % 3]);
  Peer other = connect();
  others_are_served(other);
  server->stop();
  EXPECT_EQ(script.read_line(), "-ERR The server stops; the script was given up");
  for (Peer& peer : waiting) EXPECT_EQ(peer.read_line().substr(0, 5), "-BUSY");
  ASSERT_TRUE(journal->flush());
  EXPECT_EQ(rows_of("held"), 0u);
  EXPECT_EQ(rows_of("free"), 1u);
}

TEST_F(EndlessScripts, WithoutTheirConnectionEndWithTheServer) {
  start("busy-reply-threshold 0", 1);
  Peer other = connect();
  Peer script = begin(true);
  kill(script, other);
  others_are_served(other);
  server->stop();
  ASSERT_TRUE(journal->flush());
  EXPECT_EQ(rows_of("held"), 0u);
}

TEST_F(EndlessScripts, InATransactionTakeItWithThem) {
  start("busy-reply-threshold 0", 2);
  Peer script = connect();
  EXPECT_EQ(script.ask("MULTI"), "+OK");
  script.send(request("SET", "a", "1") +
              request("EVAL", "redis.call('SET', KEYS[1], 1) while true do end", "1", "held") +
              request("SET", "c", "1"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(script.read_line(), "+QUEUED");
  script.send(request("EXEC"));
  eventually([&] { return services->scripts->standing() == Scripts::Standing::slow; },
             "the script is slow");
  server->stop();
  EXPECT_EQ(script.read_line(), "-ERR The server stops; the script was given up");
  EXPECT_TRUE(script.is_closed());
  ASSERT_TRUE(journal->flush());
  for (const char* name : {"a", "held", "c"}) EXPECT_EQ(rows_of(name), 0u) << name;
}

}  // namespace
}  // namespace sojourn::server
