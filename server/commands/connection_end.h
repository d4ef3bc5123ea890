#pragma once

#include "server/commands/services.h"

namespace sojourn::server {

// The connection is gone: nothing outside its state knows of it any more. Its worker's thread.
void end_connection(Services& services, ConnectionState& connection);

}  // namespace sojourn::server
