#pragma once

#include "server/commands/gates.h"

namespace sojourn::server {

// Somebody monitors: shows a request that has run to all who do. Lines of one connection come in
// the order of its requests; what other workers ran at the same moment may stand before or after.
void show_to_monitors(const Request& request);
// A script, before what it does.
void show_script_to_monitors(Call& call);

void stop_monitoring(Services& services, ConnectionState& connection);

}  // namespace sojourn::server
