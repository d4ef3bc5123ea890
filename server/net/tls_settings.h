#pragma once

#include "server/base/log.h"
#include "server/config/config.h"
#include "server/net/server.h"

namespace sojourn::server {

// From here on a CONFIG SET that names certificates, or what else TLS goes by, is in force as a
// whole, for connections made afterwards; or it is refused, and the log says why. All three outlive
// the serving.
void follow_tls_settings(Server& server, Config& config, Log& log);

}  // namespace sojourn::server
