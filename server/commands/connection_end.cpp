#include "server/commands/connection_end.h"

#include "server/commands/monitor.h"

namespace sojourn::server {

void end_connection(Services& services, ConnectionState& connection) {
  forget_subscriptions(*services.channels, connection);
  if (connection.monitoring) stop_monitoring(services, connection);
  if (connection.blocked) services.blocked->remove(connection.id);
}

}  // namespace sojourn::server
