#include "tests/server/net/server_fixture.h"

#include <thread>

#include "server/commands/client_tracking.h"
#include "server/commands/key_event_channels.h"

namespace sojourn::server {

ServerTest::ServerTest() : server(std::make_unique<Server>([this] { ++shutdowns; })) {}

ServerTest::~ServerTest() {
  store.let_go();
  if (server) server->stop();
  services.reset();
  keyspace.reset();
  journal.reset();
}

void ServerTest::start(const std::string& configuration, std::size_t workers) {
  if (!configuration.empty()) {
    const auto read = config.read(configuration, "test");
    ASSERT_TRUE(read) << read.error().detail;
  }
  auto opened = Journal::open(store, {}, *log);
  ASSERT_TRUE(opened);
  journal = std::move(*opened);
  auto keys = Keyspace::open({}, clock, *journal, &store, *log);
  ASSERT_TRUE(keys);
  keyspace = std::move(*keys);
  services.reset(new Services{.keyspace = *keyspace,
                              .config = config,
                              .clock = clock,
                              .log = *log,
                              .connections = *server,
                              .metrics = metrics,
                              .slowlog = slowlog,
                              .registry = registry});
  config.on_change(
      [this](const Settings& changed) { follow_key_event_settings(*services, changed); });
  publish_key_events(*services);
  serve_tracking(*services);
  const auto bound = server->listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(bound) << bound.error().detail;
  port_ = *bound;
  server->start(*services, workers);
}

Peer ServerTest::connect() {
  if (!services) start();
  return Peer::tcp(port_);
}

void ServerTest::eventually(const std::function<bool()>& come_true, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!come_true()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "has not come true: " << what;
    std::this_thread::yield();
  }
}

}  // namespace sojourn::server
