#include "server/net/protected_mode.h"

#include "server/net/socket.h"

namespace sojourn::server {

std::string_view denial_by_protected_mode(const Settings& settings, const Users& users,
                                          int socket) {
  const bool open = !settings.protected_mode || !users.unprotected();
  if (open || peer_is_local(socket)) return {};
  return "-DENIED Sojourn is running in protected mode: no password is set, so it serves "
         "connections from its own machine only. Set one with requirepass, in the configuration "
         "file or with CONFIG SET from that machine, or turn protected-mode off if nobody else can "
         "reach this port.\r\n";
}

}  // namespace sojourn::server
