#pragma once

#include <string>

#include "server/commands/call.h"

namespace sojourn::server {

// For a handler whose work is done elsewhere: `start` begins it, once, and gives the Awaited; the
// request is run again until that is done. True when it went well and the handler shall reply.
template <class Start>
bool await(Call& call, Start&& start) {
  constexpr Millis kStep{2};
  std::shared_ptr<Awaited>& awaited = call.connection.awaited;
  if (awaited == nullptr) awaited = start();
  if (!awaited->done.load(std::memory_order_acquire)) {
    call.run_again_at(call.now + kStep);
    return false;
  }
  const std::string error = std::move(awaited->error);
  awaited.reset();
  if (!error.empty()) call.refuse(error);
  return error.empty();
}

}  // namespace sojourn::server
