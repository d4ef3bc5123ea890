#include "server/commands/connection_end.h"

#include "server/commands/client_tracking.h"
#include "server/commands/monitor.h"

namespace sojourn::server {

void end_connection(Services& services, ConnectionState& connection) {
  forget_subscriptions(*services.channels, connection);
  stop_tracking(services, connection);
  if (connection.monitoring) stop_monitoring(services, connection);
  if (connection.blocked) services.blocked->remove(connection.id);
}

}  // namespace sojourn::server
