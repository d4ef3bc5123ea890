#include "server/commands/call.h"

#include <fmt/format.h>

#include "server/commands/errors.h"

namespace sojourn::server {

Args Call::args() { return Args(*this, command.container != nullptr ? 2 : 1); }

void Call::refuse_type() { refuse(kWrongType); }

void Call::refuse_arity() {
  refuse(fmt::format("ERR wrong number of arguments for '{}' command", command.full_name));
}

}  // namespace sojourn::server
