// Connections as other connections and the operator see them.

#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class ConnectionsTest : public ServerTest {
 protected:
  static std::string bulk(Peer& peer, std::string_view line) {
    const std::string head = peer.ask(line);
    EXPECT_EQ(head.front(), '$') << head;
    const std::string body = peer.read(std::stoul(head.substr(1)));
    peer.read(2);
    return body;
  }
};

TEST_F(ConnectionsTest, SeeEachOthersNamesAtOnce) {
  Peer watcher = connect();
  for (int i = 0; i < 50; ++i) {
    Peer named = connect();
    const std::string name = "worker-" + std::to_string(i);
    EXPECT_EQ(named.ask("CLIENT SETNAME " + name), "+OK");
    EXPECT_NE(bulk(watcher, "CLIENT LIST").find(" name=" + name + " "), std::string::npos);
  }
}

TEST_F(ConnectionsTest, SeeWhatOthersDoAMomentLater) {
  Peer watcher = connect();
  Peer busy = connect();
  EXPECT_EQ(busy.ask("CLIENT SETNAME busy"), "+OK");
  EXPECT_EQ(busy.ask("GET s:1"), "$-1");
  eventually(
      [&] {
        const std::string list = bulk(watcher, "CLIENT LIST");
        const std::string line = list.substr(list.find("name=busy"));
        return line.find("cmd=get") < line.find('\n');
      },
      "the last command is listed");
}

TEST_F(ConnectionsTest, AreKilledByTheirId) {
  Peer killer = connect();
  Peer victim = connect();
  const std::string id = victim.ask("CLIENT ID").substr(1);
  EXPECT_EQ(killer.ask("CLIENT KILL ID " + id), ":1");
  EXPECT_TRUE(victim.is_closed());
  EXPECT_EQ(bulk(killer, "CLIENT LIST").find("id=" + id + " "), std::string::npos);
}

TEST_F(ConnectionsTest, CountForNothingWhenTheyAreGone) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(connect().ask("PING"), "+PONG");
  eventually([&] { return server->count() == 0; }, "all are gone");
  eventually(
      [&] {
        return metrics.sum(&WorkerMetrics::output_buffer_bytes) == 0 &&
               metrics.sum(&WorkerMetrics::input_buffer_bytes) == 0;
      },
      "their buffers are counted no more");
}

TEST_F(ConnectionsTest, AreKilledAtAnyMomentWithoutHarmToOthers) {
  Peer killer = connect();
  EXPECT_EQ(killer.ask("PING"), "+PONG");
  std::string pipeline;
  for (int i = 0; i < 500; ++i) {
    pipeline += request("SET", "s:" + std::to_string(i), std::string(300, 'v'));
    pipeline += request("GET", "s:" + std::to_string(i));
  }
  std::atomic<int> running{3};
  std::vector<std::thread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        Peer victim = connect();
        victim.send_until_full(pipeline, 100ms);
        victim.read_to_end();
      }
      --running;
    });
  }
  while (running > 0) {
    advance(10ms);  // a writer who must wait for the journal looks again later
    EXPECT_EQ(killer.ask("CLIENT KILL TYPE normal SKIPME yes").front(), ':');
    bulk(killer, "CLIENT LIST");
  }
  for (std::thread& thread : busy) thread.join();
  eventually([&] { return server->count() == 1; }, "only the killer is left");
  EXPECT_EQ(killer.ask("PING"), "+PONG");
}

TEST_F(ConnectionsTest, ComeThroughAUnixSocketThatOnlyTheRightOnesMayUse) {
  const std::string path = directory / "sojourn.sock";
  ASSERT_TRUE(server->listen_unix(path, 0700));
  start();
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  Peer peer = Peer::unix_socket(path);
  EXPECT_EQ(peer.ask("PING"), "+PONG");
  EXPECT_NE(bulk(peer, "CLIENT INFO").find("addr=" + path + ":0"), std::string::npos);
  server->stop();
  EXPECT_NE(::stat(path.c_str(), &status), 0);
}

TEST_F(ConnectionsTest, DoNotTakeAFileForASocketOfAnEarlierRun) {
  const std::string path = directory / "precious";
  std::ofstream(path) << "not a socket";
  EXPECT_FALSE(server->listen_unix(path, 0));
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
}

TEST_F(ConnectionsTest, CannotBeMadeWhereAnotherServerListens) {
  start();
  Server second;
  const auto first = second.listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  Server third;
  EXPECT_FALSE(third.listen_tcp("127.0.0.1", *first));
}

TEST_F(ConnectionsTest, EndWithTheServerEvenIfNobodyReads) {
  Peer deaf = connect();
  deaf.send(request("SET", "s:1", std::string(32 * 1024 * 1024, 'v')));
  EXPECT_EQ(deaf.read_line(), "+OK");
  deaf.send(request("GET", "s:1"));
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) > 1024 * 1024; },
             "the reply waits");
  const auto began = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(server->count(), 0u);
}

TEST_F(ConnectionsTest, AskTheServerToStop) {
  Peer peer = connect();
  peer.send("SHUTDOWN\r\n");
  eventually([&] { return shutdowns.load() == 1; }, "it is told");
}

}  // namespace
}  // namespace sojourn::server
