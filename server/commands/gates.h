#pragma once

#include <functional>
#include <string_view>

#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/commands/command.h"
#include "server/commands/connection_state.h"
#include "server/commands/services.h"

namespace sojourn::server {

// One request on its way through the dispatcher.
struct Request {
  Services& services;
  const Settings& settings;
  ConnectionState& connection;
  protocol::Words words;
  protocol::ReplyWriter& reply;
  const Time now;
  const std::function<void()>& wake;
  const Command* command = nullptr;
  const std::uint64_t generation = 0;  // the configuration's, as the dispatcher knows it
  const std::size_t reply_begin = reply.out().size();
  bool rejected = false;  // by a gate or for its form: counted as such, not as a call
  bool queueing = false;  // it does not run yet, if it passes
  bool within_script = false;
  std::uint32_t reads = 0;  // how often it has waited for values that were away
  bool replied() const { return reply.out().size() != reply_begin; }

  // What gates ask: the row's, and of an EXEC those of what is queued. Set before they are asked.
  std::uint64_t flags = 0;
};

// What a gate says of a request.
enum class Verdict : std::uint8_t {
  pass,
  refuse,       // the reply says why
  wait_until,   // try again at `again_at`
  wait_wakeup,  // `wake` will be called
};

// How soon to look again whether a pause is over, or there is room, which nobody announces.
inline constexpr Millis kPauseStep{20};
inline constexpr Millis kRoomStep{5};

// Asks every gate, in order, until one does not let the request pass.
Verdict pass_gates(Request& request, Time& again_at);

// The gates that a command within a script has to pass, too; the script as a whole has passed the
// others. False with an error in the reply.
bool pass_gates_of_script(Request& request);

// True, with an error as the reply, when nothing can be written.
bool refuse_for_storage(Journal& journal, protocol::ReplyWriter& reply);

// From this machine: a loopback address or a Unix socket.
bool is_local(const ConnectionState& connection);

}  // namespace sojourn::server
