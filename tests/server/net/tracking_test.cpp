// Invalidations on their way from one worker to the connections of others: none is missed, and none
// comes before the reply whose copy it ends.

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "protocol/reply_parser.h"
#include "tests/server/net/server_fixture.h"

namespace sojourn::server {
namespace {

using protocol::Reply;

// A connection that keeps a copy of one number, and believes all that it is told.
class CopyOf {
 public:
  CopyOf(Peer peer, std::string key) : peer_(std::move(peer)), key_(std::move(key)) {
    ask(request("HELLO", "3"));
    ask(request("CLIENT", "TRACKING", "ON"));
  }

  // Reads the key anew unless there is a copy.
  std::int64_t value() {
    if (!copy_) {
      const Reply reply = ask(request("GET", key_));
      copy_ = reply.text.empty() ? 0 : std::stoll(reply.text);
      ++reads_;
    }
    return *copy_;
  }
  // All that was sent to it before now has been read.
  void catch_up() { ask(request("PING")); }
  std::size_t reads() const { return reads_; }

  Reply ask(const std::string& bytes) {
    peer_.send(bytes);
    while (true) {
      Reply reply = read();
      if (reply.type != Reply::Type::push) return reply;
      // What is told ends the copy, which therefore was sent before.
      if (reply.elements.at(0).text == "invalidate") copy_.reset();
    }
  }
  Reply read() {
    using Type = Reply::Type;
    const std::string line = peer_.read_line();
    const std::string rest = line.substr(1);
    Reply reply;
    switch (line[0]) {
      case '$':
        reply.type = Type::bulk;
        reply.text = peer_.read(std::stoul(rest));
        peer_.read(2);
        break;
      case '*':
      case '>':
      case '%': {
        reply.type = line[0] == '>' ? Type::push : Type::array;
        const std::size_t size = std::stoul(rest) * (line[0] == '%' ? 2 : 1);
        for (std::size_t i = 0; i < size; ++i) reply.elements.push_back(read());
        break;
      }
      case '_':
        break;
      default:
        reply.type = Type::simple;
        reply.text = rest;
    }
    return reply;
  }

 private:
  Peer peer_;
  const std::string key_;
  std::optional<std::int64_t> copy_;
  std::size_t reads_ = 0;
};

class TrackingOverWorkers : public ServerTest {};

// The strongest there is: once a writer has his answer, who asks the server for anything has been
// told before he gets his.
TEST_F(TrackingOverWorkers, ACopyIsNeverOlderThanWhatWasAnsweredBeforeItsOwnerAskedForAnything) {
  constexpr int kWriters = 2, kReaders = 3, kWrites = 2000;
  std::atomic<std::int64_t> answered{0};
  std::atomic<int> writing{kWriters};
  connect();
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, peer = connect()]() mutable {
      for (int n = 0; n < kWrites; ++n) {
        const std::int64_t value = std::stoll(peer.ask("INCR counter").substr(1));
        std::int64_t before = answered.load();
        while (before < value && !answered.compare_exchange_weak(before, value)) {
        }
      }
      --writing;
    });
  }
  std::atomic<int> stale{0};
  std::atomic<std::size_t> reads{0};
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, peer = connect()]() mutable {
      CopyOf copy(std::move(peer), "counter");
      bool last = false;
      while (!last) {
        last = writing == 0;
        copy.value();
        const std::int64_t least = answered;
        copy.catch_up();
        if (copy.value() < least) ++stale;
      }
      if (copy.value() != kWriters * kWrites) ++stale;
      reads += copy.reads();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stale, 0);
  EXPECT_GT(reads, 20u) << "else nothing was tried";
}

// The same for many keys that are given up, expire and are flushed meanwhile.
TEST_F(TrackingOverWorkers, NothingIsMissedWhateverEndsACopy) {
  start("tracking-table-max-keys 3\n");
  constexpr int kKeys = 8;
  std::vector<std::unique_ptr<CopyOf>> copies;
  for (int i = 0; i < kKeys; ++i) {
    copies.push_back(std::make_unique<CopyOf>(connect(), "s:" + std::to_string(i)));
  }
  Peer writer = connect();
  std::vector<std::int64_t> truth(kKeys, 0);
  std::uint32_t random = 1;
  for (int round = 0; round < 600; ++round) {
    random = random * 1664525 + 1013904223;
    const std::size_t which = (random >> 16) % kKeys;
    const std::string key = "s:" + std::to_string(which);
    switch ((random >> 8) % 8) {
      case 0:
        EXPECT_EQ(writer.ask("FLUSHALL"), "+OK");
        truth.assign(kKeys, 0);
        break;
      case 1:
        EXPECT_EQ(writer.ask("SET " + key + " 5 PX 100"), "+OK");
        advance(200ms);
        EXPECT_EQ(writer.ask("EXISTS " + key), ":0");
        truth[which] = 0;
        break;
      default:
        truth[which] = round + 1;
        EXPECT_EQ(writer.ask("SET " + key + " " + std::to_string(round + 1)), "+OK");
    }
    for (int i = 0; i < kKeys; ++i) {
      const auto k = static_cast<std::size_t>(i);
      copies[k]->catch_up();
      ASSERT_EQ(copies[k]->value(), truth[k]) << "round " << round << ", key " << i;
    }
  }
}

// A reply that is made in many turns is not torn by what comes meanwhile.
TEST_F(TrackingOverWorkers, InvalidationsStandBetweenRepliesOnly) {
  constexpr int kKeys = 5000, kWrites = 3000;
  Peer writer = connect();
  std::string fill;
  const std::string prefix = "s:" + std::string(40, 'k');
  for (int i = 0; i < kKeys; ++i) fill += request("SET", prefix + std::to_string(i), "x");
  writer.send(fill);
  for (int i = 0; i < kKeys; ++i) ASSERT_EQ(writer.read_line(), "+OK");
  CopyOf reader(connect(), "counter");
  reader.ask(request("CLIENT", "TRACKING", "OFF"));
  reader.ask(request("CLIENT", "TRACKING", "ON", "BCAST"));
  std::atomic<bool> done{false};
  std::thread writes([&] {
    // No more than the reader can take in, however slow it is beside the server.
    for (int i = 0; i < kWrites && !done; ++i) writer.ask("INCR counter");
  });
  for (int i = 0; i < 5; ++i) {
    const Reply reply = reader.ask(request("KEYS", "s:*"));
    EXPECT_EQ(reply.elements.size(), static_cast<std::size_t>(kKeys));
    EXPECT_EQ(std::ranges::count(reply.elements, Reply::Type::bulk, &Reply::type), kKeys);
  }
  done = true;
  writes.join();
}

TEST_F(TrackingOverWorkers, OnesOwnInvalidationsFollowEachReply) {
  Peer peer = connect();
  peer.send("HELLO 3\r\n");
  peer.send("CLIENT TRACKING ON\r\nPING\r\n");
  while (peer.read_line() != "+PONG") {
  }
  peer.send("GET a\r\nSET a 1\r\nGET a\r\nMULTI\r\nSET a 2\r\nGET a\r\nEXEC\r\n");
  const std::string invalidate = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n";
  const std::string expected = "_\r\n+OK\r\n" + invalidate +
                               "$1\r\n1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n2\r\n" +
                               invalidate;
  EXPECT_EQ(peer.read(expected.size()), expected);
}

TEST_F(TrackingOverWorkers, RedirectionsCrossWorkers) {
  for (int round = 0; round < 4; ++round) {
    Peer listener = connect();
    const std::string id = listener.ask("CLIENT ID").substr(1);
    listener.send(request("SUBSCRIBE", "__redis__:invalidate"));
    for (int i = 0; i < 6; ++i) listener.read_line();
    std::vector<Peer> readers;
    for (int i = 0; i < 3; ++i) {
      readers.push_back(connect());
      EXPECT_EQ(readers.back().ask("CLIENT TRACKING ON REDIRECT " + id), "+OK");
      readers.back().send("GET a\r\n");
      readers.back().read(round == 0 ? 5 : 7);
    }
    EXPECT_EQ(connect().ask("SET a 1"), "+OK");
    const std::string message =
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\na\r\n";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(listener.read(message.size()), message);
  }
}

TEST_F(TrackingOverWorkers, ABrokenRedirectionIsTold) {
  Peer reader = connect();
  std::string id;
  {
    Peer gone = connect();
    id = gone.ask("CLIENT ID").substr(1);
    reader.send(request("HELLO", "3"));
    reader.send(request("CLIENT", "TRACKING", "ON", "REDIRECT", id) + "GET a\r\n");
    while (reader.read_line() != "_") {
    }
  }
  eventually([&] { return server->count() == 1; }, "it is gone");
  reader.send("SET a 1\r\n");
  const std::string expected = "+OK\r\n>2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n";
  EXPECT_EQ(reader.read(expected.size()), expected);
}

TEST_F(TrackingOverWorkers, AReaderThatLeavesTooMuchUnreadIsCutOff) {
  start("client-output-buffer-limit normal 64kb 0 0\n");
  {
    Peer slow = connect();
    slow.send(request("HELLO", "3") + request("CLIENT", "TRACKING", "ON", "BCAST") + "PING\r\n");
    while (slow.read_line() != "+PONG") {
    }
    Peer writer = connect();
    const std::string key(10'000, 'k');
    eventually(
        [&] {
          writer.send(request("SET", key, "x"));
          EXPECT_EQ(writer.read_line(), "+OK");
          return metrics.sum(&WorkerMetrics::output_limit_disconnections) == 1;
        },
        "it is cut off");
  }
  eventually([&] { return !keyspace->tracking().any(); }, "it is forgotten");
}

}  // namespace
}  // namespace sojourn::server
