#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_parser.h"
#include "server/base/log.h"
#include "server/cache/journal.h"
#include "server/cache/keyspace.h"
#include "server/commands/connections.h"
#include "server/commands/dispatcher.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"
#include "server/config/config.h"
#include "server/observe/metrics.h"
#include "server/observe/slowlog.h"
#include "server/store/memory_store.h"
#include "tests/support/manual_clock.h"

namespace sojourn::server {

using namespace std::chrono_literals;

// Connections that a test opened, with what the commands asked of them.
class FakeConnections : public Connections {
 public:
  std::vector<ConnectionState> list(const ConnectionState& self) const override;
  std::optional<std::size_t> worker_of(std::uint64_t id) const override;
  void close(const std::vector<std::uint64_t>& ids) override;
  void review() override { review_due = true; }  // the fixture does it after the request
  void pause(Pause what, Time until) override;
  Pause paused(Time now) const override;
  std::size_t count() const override { return open.size(); }
  void shutdown() override { ++shutdowns; }

  std::vector<const ConnectionState*> open;
  std::vector<std::uint64_t> closed;
  int shutdowns = 0;
  std::atomic<bool> review_due{false};
  bool reviews = true;

 private:
  Pause pause_ = Pause::none;
  Time pause_until_{};
};

// A whole server in process: everything but sockets. Time stands still until advance(). It is warm
// at first, and warms up after a restart().
//
//   EXPECT_EQ(run("SET s:1 alice PX 1000"), "OK");
//
// A request is written as in redis-cli ("quotes", 'quotes', \xHH within double quotes), and a reply
// reads as redis-cli shows it, but that a lone string stands bare: alice, (nil), (integer) 1,
// (error) ERR ..., and 1) "a" with a line for each element.
class CommandTest : public ::testing::Test {
 public:
  // One connection. Lives until the end of the test.
  class Client {
   public:
    std::string run(std::string_view line);
    std::string run_words(const std::vector<std::string>& words);
    // The reply itself; empty when the command has none (CLIENT REPLY OFF).
    std::optional<protocol::Reply> ask(const std::vector<std::string>& words);
    // The reply's bytes; null when the request must wait for a time that has not come: try again
    // after advance().
    std::optional<std::string> try_raw(const std::vector<std::string>& words);
    // The published messages that have come since it was asked last, each as redis-cli shows it.
    std::vector<std::string> messages();
    std::size_t message_bytes() const { return messages_.size(); }
    // Too much came for it to be handed out.
    bool cut_off() const { return cut_off_; }

    ConnectionState state;

   private:
    friend class CommandTest;
    explicit Client(CommandTest& test) : test_(test) {}
    CommandTest& test_;
    std::string messages_;
    bool cut_off_ = false;
  };

 protected:
  explicit CommandTest(bool on_disk = true);
  ~CommandTest() override;

  // On the first connection. A request that waits for a time (DEBUG SLEEP, CLIENT PAUSE) makes the
  // clock go there.
  std::string run(std::string_view line) { return client().run(line); }
  std::string run_words(const std::vector<std::string>& words) { return client().run_words(words); }
  Client& client() { return *clients_.front(); }
  Client& connect();
  // The first connection speaks RESP3 from now on.
  void resp3() { client().state.version = protocol::Version::resp3; }

  // As if the configuration file had these lines, too.
  void configure(std::string_view lines);

  void advance(Millis by) { clock.advance(by); }
  // One round of upkeep on all shards: what is due is removed.
  void upkeep();
  // The process ends in good order and starts again on the same store; connections stay open.
  void restart();

  ManualClock clock;
  Log log{1, LogLevel::warning};
  MemoryStore store;
  Config config;
  Metrics metrics;
  SlowLog slowlog;
  FakeConnections connections;
  Registry registry;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Keyspace> keyspace;
  std::unique_ptr<Services> services;

 private:
  void start();
  void stop();
  void review();

  bool on_disk_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<Client>> clients_;
};

// The same with nothing kept on disk (appendonly no).
class MemoryCommandTest : public CommandTest {
 protected:
  MemoryCommandTest() : CommandTest(false) {}
};

}  // namespace sojourn::server
