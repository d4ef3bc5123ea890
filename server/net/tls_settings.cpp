#include "server/net/tls_settings.h"

namespace sojourn::server {

void follow_tls_settings(Server& server, Config& config, Log& log) {
  config.before_tls_change([&](const Settings& draft) -> Result<void> {
    auto loaded = server.load_tls(draft);
    if (loaded) return loaded;
    log.warning("{}", loaded.error().detail);
    return Error{Errc::invalid_argument, "Unable to update TLS configuration. Check server logs."};
  });
  config.on_change([&](const Settings&) { server.use_loaded_tls(); });
}

}  // namespace sojourn::server
