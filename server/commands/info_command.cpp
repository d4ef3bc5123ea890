#include "server/commands/info.h"
#include "server/commands/server_handlers.h"

namespace sojourn::server {

void info(Call& call) {
  call.reply.verbatim("txt",
                      info_text(call.services, call.words().subspan(1), call.now, call.held()));
}

}  // namespace sojourn::server
