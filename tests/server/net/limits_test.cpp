// What a peer may cost: before it has said who it is, and after.

#include <vector>

#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Limits : public ServerTest {
 protected:
  std::uint64_t output_bytes() { return metrics.sum(&WorkerMetrics::output_buffer_bytes); }
  std::uint64_t input_bytes() { return metrics.sum(&WorkerMetrics::input_buffer_bytes); }
};

TEST_F(Limits, BeforeAuthenticationRefuseLargeRequests) {
  start("requirepass secret\n");
  Peer words = connect();
  words.send("*11\r\n");
  EXPECT_EQ(words.read_to_end(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  Peer bulk = connect();
  bulk.send("*2\r\n$3\r\nGET\r\n$16385\r\n");
  EXPECT_EQ(bulk.read_to_end(), "-ERR Protocol error: unauthenticated bulk length\r\n");
  EXPECT_EQ(metrics.sum(&WorkerMetrics::unauthenticated_disconnections), 2u);
}

TEST_F(Limits, AreLiftedByAuthenticationWithinAPipeline) {
  start("requirepass secret\n");
  Peer peer = connect();
  const std::string value(100'000, 'v');
  peer.send("AUTH secret\r\n" + request("SET", "s:1", value) + request("STRLEN", "s:1"));
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(peer.read_line(), ":100000");
}

TEST_F(Limits, EndWhoDoesNotAuthenticateInTime) {
  start("requirepass secret\nunauthenticated-timeout 10\n");
  Peer stranger = connect();
  Peer friendly = connect();
  EXPECT_EQ(friendly.ask("AUTH secret"), "+OK");
  EXPECT_EQ(stranger.ask("GET s:1"), "-NOAUTH Authentication required.");
  advance(9'999ms);
  EXPECT_EQ(stranger.ask("GET s:1"), "-NOAUTH Authentication required.");
  advance(2ms);
  EXPECT_TRUE(stranger.is_closed());
  EXPECT_EQ(friendly.ask("PING"), "+PONG");
}

TEST_F(Limits, KeepTheOutputOfAStrangerWhoNeverReadsSmall) {
  start("requirepass secret\n");
  Peer stranger = connect();
  std::string pipeline;
  while (pipeline.size() < 16 * 1024 * 1024) pipeline += "GET s:1\r\n";
  stranger.send_until_full(pipeline, 300ms);
  EXPECT_LT(output_bytes(), 64u * 1024);
  EXPECT_LT(input_bytes(), 256u * 1024);
}

TEST_F(Limits, KeepTheOutputOfAPeerWhoNeverReadsBounded) {
  Peer peer = connect();
  const std::string value(50'000, 'v');
  peer.send(request("SET", "s:1", value));
  EXPECT_EQ(peer.read_line(), "+OK");
  std::string pipeline;
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) pipeline += request("GET", "s:1");
  peer.send(pipeline);
  EXPECT_EQ(connect().ask("PING"), "+PONG");
  EXPECT_LT(output_bytes(), 4u * 1024 * 1024);
  // And all of it is there once he reads.
  const std::string reply = "$50000\r\n" + value + "\r\n";
  for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(peer.read(reply.size()) == reply) << i;
}

TEST_F(Limits, OnOutputEndAPeerThatGoesBeyondThem) {
  start("client-output-buffer-limit normal 2mb 0 0\n");
  Peer peer = connect();
  peer.send(request("SET", "s:1", std::string(16 * 1024 * 1024, 'v')));
  EXPECT_EQ(peer.read_line(), "+OK");
  peer.send(request("GET", "s:1"));
  EXPECT_LT(peer.read_to_end().size(), 16u * 1024 * 1024);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::output_limit_disconnections), 1u);
}

TEST_F(Limits, OnAllBuffersTogetherEndTheLargest) {
  start("connection-buffers-budget 4mb\n");
  Peer small = connect();
  EXPECT_EQ(small.ask("PING"), "+PONG");
  std::vector<Peer> large;
  for (int i = 0; i < 8; ++i) {
    large.push_back(connect());
    large.back().send_until_full(
        "*3\r\n$3\r\nSET\r\n$3\r\ns:1\r\n$8000000\r\n" + std::string(1'500'000, 'v'), 1000ms);
  }
  eventually([&] { return metrics.sum(&WorkerMetrics::query_limit_disconnections) > 0; },
             "somebody is closed");
  eventually([&] { return input_bytes() <= 4u * 1024 * 1024; }, "the budget is kept");
  EXPECT_EQ(small.ask("PING"), "+PONG");
}

TEST_F(Limits, OnAllBuffersTogetherCountTheWordsOfARequestToo) {
  constexpr std::size_t kWords = 400'000;
  std::string words = "*1000000\r\n";
  for (std::size_t i = 0; i < kWords; ++i) words += "$0\r\n\r\n";
  Peer peer = connect();
  peer.send(words);
  // Beside its bytes a word takes a place in a list.
  eventually([&] { return input_bytes() >= words.size() + kWords * 16; }, "all of it is counted");
  for (std::size_t i = kWords; i < 1'000'000; i += 100'000) {
    std::string more;
    for (int word = 0; word < 100'000; ++word) more += "$0\r\n\r\n";
    peer.send(more);
  }
  EXPECT_EQ(peer.read_line().front(), '-');
  eventually([&] { return input_bytes() < 64u * 1024; },
             "an idle connection holds next to nothing");
  EXPECT_EQ(peer.ask("PING"), "+PONG");
}

TEST_F(Limits, OnAllBuffersTogetherEndWhoHoardsWords) {
  start("connection-buffers-budget 4mb\n");
  std::string words = "*1000000\r\n";
  for (int i = 0; i < 300'000; ++i) words += "$0\r\n\r\n";  // 1.8 MB: within the budget
  connect().send_until_full(words, 1000ms);
  eventually([&] { return metrics.sum(&WorkerMetrics::query_limit_disconnections) > 0; },
             "the hoarder is closed");
  eventually([&] { return input_bytes() < 64u * 1024; }, "what it took is given back");
  EXPECT_EQ(connect().ask("PING"), "+PONG");
}

TEST_F(Limits, OnConnectionsAreToldToTheOneTooMany) {
  start("maxclients 2\n");
  Peer one = connect();
  Peer two = connect();
  EXPECT_EQ(one.ask("PING"), "+PONG");
  EXPECT_EQ(two.ask("PING"), "+PONG");
  EXPECT_EQ(connect().read_to_end(), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(metrics.sum(&WorkerMetrics::connections_rejected), 1u);
  one = connect();
  eventually([&] { return server->count() <= 2; }, "a place is free");
  EXPECT_EQ(two.ask("PING"), "+PONG");
}

TEST_F(Limits, EndIdleConnectionsButNotBusyOnes) {
  start("timeout 60\n");
  Peer idle = connect();
  Peer busy = connect();
  EXPECT_EQ(idle.ask("PING"), "+PONG");
  advance(50s);
  EXPECT_EQ(busy.ask("PING"), "+PONG");
  advance(11s);
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(busy.ask("PING"), "+PONG");
}

// More than a worker looks at in one go.
TEST_F(Limits, IdleConnectionsAreClosedHoweverManyThereAre) {
  start("timeout 60\n", 1);
  std::vector<Peer> idle;
  for (int i = 0; i < 400; ++i) {
    idle.push_back(connect());
    ASSERT_EQ(idle.back().ask("PING"), "+PONG");
  }
  advance(61s);
  for (Peer& peer : idle) EXPECT_TRUE(peer.is_closed());
}

}  // namespace
}  // namespace sojourn::server
