#pragma once

#include <cstddef>
#include <string>

#include "protocol/request_parser.h"
#include "server/base/clock.h"
#include "server/commands/connection_state.h"

namespace sojourn::server {

// One line of CLIENT LIST, without its end. `argument_bytes`: of the request it has in hand.
std::string client_line(const ConnectionState& state, Time now, std::size_t argument_bytes);

std::size_t bytes_of(protocol::Words words);

}  // namespace sojourn::server
