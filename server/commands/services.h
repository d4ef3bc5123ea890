#pragma once

#include <memory>

#include "server/acl/acl_log.h"
#include "server/acl/users.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/cache/keyspace.h"
#include "server/commands/blocked_requests.h"
#include "server/commands/connections.h"
#include "server/commands/errands.h"
#include "server/commands/gauges.h"
#include "server/commands/server_info.h"
#include "server/commands/user_setup.h"
#include "server/config/config.h"
#include "server/observe/latency_monitor.h"
#include "server/observe/metrics.h"
#include "server/observe/slowlog.h"
#include "server/pubsub/channels.h"
#include "server/scripting/scripts.h"
#include "server/store/store.h"

namespace sojourn::server {

class Registry;

// Everything of the server a command may use. main builds it once; tests build their own. What has
// no default must be given; it outlives the Services, which outlive every Dispatcher.
struct Services {
  Keyspace& keyspace;
  Config& config;
  const Clock& clock;
  Log& log;
  Connections& connections;
  Metrics& metrics;
  SlowLog& slowlog;
  const Registry& registry;

  ServerInfo info{.started_at = clock.now()};
  const Store* store = nullptr;  // for INFO's figures; null when nothing is kept on disk
  std::unique_ptr<Gauges> gauges = std::make_unique<Gauges>();
  std::unique_ptr<LatencyMonitor> latency = std::make_unique<LatencyMonitor>();
  std::unique_ptr<Users> users = make_users(registry, config);
  std::unique_ptr<AclLog> acl_log = std::make_unique<AclLog>();
  std::unique_ptr<Errands> errands = std::make_unique<Errands>();
  std::unique_ptr<Channels> channels = std::make_unique<Channels>();
  std::unique_ptr<BlockedRequests> blocked = std::make_unique<BlockedRequests>();
  std::unique_ptr<Scripts> scripts = std::make_unique<Scripts>(kRedisVersion);
};

}  // namespace sojourn::server
