#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/base/log.h"
#include "server/cache/journal.h"
#include "server/cache/keyspace.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"
#include "server/config/config.h"
#include "server/net/server.h"
#include "server/observe/metrics.h"
#include "server/observe/slowlog.h"
#include "server/store/memory_store.h"
#include "tests/server/net/peer.h"
#include "tests/support/faulty_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {

using namespace std::chrono_literals;

// The whole server in process, with real sockets and two workers, on a store in memory that can be
// held back. Time, as commands and deadlines see it, stands still until advance().
class ServerTest : public ::testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  // Serves with these lines of configuration. The first connect() does it if the test has not.
  void start(const std::string& configuration = {}, std::size_t workers = 2);
  Peer connect();
  void advance(Millis by) { clock.advance(by); }
  // Waits for what other threads will bring about.
  static void eventually(const std::function<bool()>& come_true, const std::string& what);

  TemporaryDirectory directory;
  ManualClock clock;
  std::unique_ptr<Log> log = std::make_unique<Log>(1, LogLevel::warning);
  Config config;
  Metrics metrics;
  SlowLog slowlog;
  Registry registry;
  MemoryStore memory;
  FaultyStore store{memory};
  std::atomic<int> shutdowns{0};
  std::unique_ptr<Server> server;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Keyspace> keyspace;
  std::unique_ptr<Services> services;

 private:
  std::uint16_t port_ = 0;
};

}  // namespace sojourn::server
