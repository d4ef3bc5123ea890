// Bytes in, replies out: however they are cut, however many there are.

#include <fstream>
#include <string>
#include <utility>

#include "server/net/spare_block.h"
#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

class Requests : public ServerTest {};

TEST_F(Requests, AreAnsweredInOrderWhereverThePipelineIsCut) {
  Peer peer = connect();
  const std::string pipeline = request("SET", "s:1", "alice") + request("GET", "s:1") + "PING\r\n" +
                               request("ECHO", "a\r\nb");
  const std::string replies = "+OK\r\n$5\r\nalice\r\n+PONG\r\n$4\r\na\r\nb\r\n";
  std::uint64_t sent = 0;
  for (std::size_t cut = 1; cut < pipeline.size(); ++cut) {
    peer.send(std::string_view(pipeline).substr(0, cut));
    sent += cut;
    eventually([&] { return metrics.sum(&WorkerMetrics::net_input_bytes) == sent; }, "read");
    peer.send(std::string_view(pipeline).substr(cut));
    sent += pipeline.size() - cut;
    ASSERT_EQ(peer.read(replies.size()), replies) << "cut at " << cut;
  }
}

TEST_F(Requests, ByteByByteAreAnswered) {
  Peer peer = connect();
  std::uint64_t sent = 0;
  for (const char byte : request("SET", "s:1", "alice")) {
    peer.send({&byte, 1});
    ++sent;
    eventually([&] { return metrics.sum(&WorkerMetrics::net_input_bytes) == sent; }, "read");
  }
  EXPECT_EQ(peer.read_line(), "+OK");
}

TEST_F(Requests, WithLargeValuesComeBackWhole) {
  Peer peer = connect();
  std::string value(64 * 1024 * 1024, 'v');
  for (std::size_t i = 0; i < value.size(); i += 4099) value[i] = static_cast<char>('a' + i % 26);
  peer.send(request("SET", "s:1", value) + request("GET", "s:1"));
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(peer.read_line(), "$" + std::to_string(value.size()));
  EXPECT_TRUE(peer.read(value.size()) == value);
  EXPECT_EQ(peer.read_line(), "");
  eventually([&] { return metrics.sum(&WorkerMetrics::input_buffer_bytes) < 1024; },
             "the input's memory is given back");
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) < 64 * 1024; },
             "the output's memory is given back");
}

TEST_F(Requests, WithLargeValuesLeaveTheirMemoryToTheNextForAWhile) {
  constexpr std::size_t kBytes = 4'000'000;
  start({}, 1);
  constexpr std::size_t kReply = kBytes + 12;
  Peer peer = connect();
  const std::string requests =
      request("SET", "s:1", std::string(kBytes, 'v')) + request("GET", "s:1");
  const auto spare = [&] { return metrics.sum(&WorkerMetrics::spare_buffer_bytes); };
  const auto ask = [&] {  // again, should the time be over before somebody looks
    peer.send(requests);
    return peer.read_line() == "+OK" && peer.read(kReply).size() == kReply &&
           peer.ask("PING") == "+PONG";  // the turn that sent it is over and has counted
  };
  eventually([&] { return ask() && spare() >= 2 * kBytes; }, "both buffers' memory is kept");
  EXPECT_LE(spare(), 2 * kSpareLargeBytesMax);
  store.hold_writes();  // and so the replies
  peer.send(request("SET", "s:2", "alice") + request("GETRANGE", "s:1", "0", "2999999"));
  eventually([&] { return metrics.sum(&WorkerMetrics::output_buffer_bytes) > kBytes / 2; }, "held");
  EXPECT_EQ(connect().ask("PING"), "+PONG");
  EXPECT_LT(spare(), 2 * kBytes) << "the reply has taken it";
  store.let_go();
  EXPECT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(peer.read(3'000'012).size(), 3'000'012u);
  eventually([&] { return spare() == 0; }, "the system has it back");
  EXPECT_LT(metrics.sum(&WorkerMetrics::input_buffer_bytes), 64u * 1024);
  EXPECT_LT(metrics.sum(&WorkerMetrics::output_buffer_bytes), 64u * 1024);
  EXPECT_TRUE(ask());
}

TEST_F(Requests, OfALongPipelineAreAllAnswered) {
  Peer peer = connect();
  std::string pipeline;
  for (int i = 0; i < 20'000; ++i) pipeline += request("ECHO", std::to_string(i));
  peer.send(pipeline);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = std::to_string(i);
    ASSERT_EQ(peer.read_line(), "$" + std::to_string(text.size()));
    ASSERT_EQ(peer.read_line(), text);
  }
}

TEST_F(Requests, OfManyConnectionsAreAnsweredEachOnItsOwn) {
  std::vector<Peer> peers;
  for (int i = 0; i < 300; ++i) peers.push_back(connect());
  for (int i = 0; i < 300; ++i) peers[i].send(request("SET", "s:" + std::to_string(i), "v"));
  for (Peer& peer : peers) ASSERT_EQ(peer.read_line(), "+OK");
  EXPECT_EQ(server->count(), 300u);
  EXPECT_EQ(metrics.sum(&WorkerMetrics::connections), 300u);
  peers.clear();
  eventually([&] { return server->count() == 0; }, "all closed");
}

TEST_F(Requests, BeforeTheEndOfSendingAreAnswered) {
  Peer peer = connect();
  peer.send(request("SET", "s:1", "alice") + request("GET", "s:1"));
  peer.end_sending();
  EXPECT_EQ(peer.read_to_end(), "+OK\r\n$5\r\nalice\r\n");
}

TEST_F(Requests, AfterQuitAreNotRun) {
  Peer peer = connect();
  peer.send(request("QUIT") + request("SET", "s:1", "alice"));
  EXPECT_EQ(peer.read_to_end(), "+OK\r\n");
  EXPECT_EQ(connect().ask("EXISTS s:1"), ":0");
}

TEST_F(Requests, BeyondRepairAreRefusedAndTheConnectionEnds) {
  Peer peer = connect();
  peer.send("*1\r\n$4\r\nPING\r\n*1\r\n$-5\r\n*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(peer.read_to_end(), "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
}

TEST_F(Requests, OfHttpAreCutOff) {
  Peer post = connect();
  post.send("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET s:1 evil\r\n");
  EXPECT_TRUE(post.is_closed());
  for (const std::string verb : {"PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}) {
    Peer other = connect();
    other.send(verb + " /SET HTTP/1.1\r\nSET s:1 evil\r\n");
    EXPECT_TRUE(other.is_closed()) << verb;
  }
  Peer get = connect();
  get.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET s:1 evil\r\n");
  get.read_to_end();
  EXPECT_EQ(connect().ask("EXISTS s:1"), ":0");
}

TEST_F(Requests, OfStrangersDoNotFillTheLog) {
  const std::string path = directory.path() + "/log";
  log = std::move(*Log::open(path, LogLevel::warning));
  start({}, 1);
  for (int i = 0; i < 20; ++i) {
    Peer http = connect();
    http.send("POST / HTTP/1.1\r\n");
    EXPECT_TRUE(http.is_closed());
    Peer tls = connect();
    tls.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    EXPECT_TRUE(tls.is_closed());
  }
  std::ifstream file(path);
  std::string line;
  int lines = 0;
  while (std::getline(file, line)) ++lines;
  EXPECT_EQ(lines, 2);
}

TEST_F(Requests, OfTlsAreCutOff) {
  Peer peer = connect();
  peer.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_TRUE(peer.is_closed());
}

TEST_F(Requests, ThatSleepLetOthersGoOn) {
  start("enable-debug-command yes\n", 1);
  Peer sleeper = connect();
  sleeper.send("DEBUG SLEEP 10\r\nPING\r\n");
  Peer other = connect();
  EXPECT_EQ(other.ask("PING"), "+PONG");
  EXPECT_TRUE(sleeper.silent());
  advance(10'001ms);
  EXPECT_EQ(sleeper.read_line(), "+OK");
  EXPECT_EQ(sleeper.read_line(), "+PONG");
}

TEST_F(Requests, ThatArePausedGoOnWhenTheyMay) {
  Peer admin = connect();
  Peer writer = connect();
  EXPECT_EQ(writer.ask("PING"), "+PONG");
  EXPECT_EQ(admin.ask("CLIENT PAUSE 1000000 WRITE"), "+OK");
  writer.send("GET s:1\r\nSET s:1 alice\r\nGET s:1\r\n");
  EXPECT_EQ(writer.read_line(), "$-1");
  EXPECT_EQ(admin.ask("EXISTS s:1"), ":0");
  EXPECT_EQ(admin.ask("CLIENT UNPAUSE"), "+OK");
  advance(100ms);  // who waits looks again now and then
  EXPECT_EQ(writer.read_line(), "+OK");
  EXPECT_EQ(writer.read_line(), "$5");
}

}  // namespace
}  // namespace sojourn::server
