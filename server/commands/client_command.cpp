#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "server/base/numbers.h"
#include "server/commands/connection_handlers.h"
#include "server/commands/errors.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// The single word ON or OFF; an error reply if it is neither.
std::optional<bool> on_or_off(Call& call) {
  Args args = call.args();
  const bool on = args.option("ON");
  if (!on && !args.option("OFF")) args.fail("ERR syntax error");
  if (args.done()) return on;
  call.refuse(args.error());
  return std::nullopt;
}

}  // namespace

bool valid_client_word(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '!' && c <= '~'; });
}

void client_id(Call& call) { call.reply.unsigned_integer(call.connection.id); }

void client_getname(Call& call) {
  if (call.connection.name.empty()) return call.reply.null();
  call.reply.bulk(call.connection.name);
}

void client_setname(Call& call) {
  const std::string_view name = call.words()[2];
  if (!valid_client_word(name)) return call.refuse(kBadClientName);
  call.connection.name = name;
  call.reply.ok();
}

void client_setinfo(Call& call) {
  const std::string_view attribute = call.words()[2];
  const std::string_view value = call.words()[3];
  const bool name = equal_any_case(attribute, "LIB-NAME");
  if (!name && !equal_any_case(attribute, "LIB-VER")) {
    return call.refuse(fmt::format("ERR Unrecognized option '{}'", attribute));
  }
  if (!valid_client_word(value)) {
    return call.refuse(
        fmt::format("ERR {} cannot contain spaces, newlines or special characters.", attribute));
  }
  (name ? call.connection.library_name : call.connection.library_version) = value;
  call.reply.ok();
}

void client_no_evict(Call& call) {
  const auto on = on_or_off(call);
  if (!on) return;
  call.connection.no_evict = *on;
  call.reply.ok();
}

void client_no_touch(Call& call) {
  const auto on = on_or_off(call);
  if (!on) return;
  call.connection.no_touch = *on;
  call.reply.ok();
}

void client_reply(Call& call) {
  using Mode = ConnectionState::ReplyMode;
  Args args = call.args();
  Mode& mode = call.connection.reply_mode;
  if (args.option("ON")) {
    mode = Mode::on;
    return call.reply.ok();
  }
  if (args.option("OFF")) {
    mode = Mode::off;
    return;
  }
  if (args.option("SKIP")) {
    if (mode != Mode::off) mode = Mode::skip_next;
    return;
  }
  call.refuse("ERR syntax error");
}

void client_pause(Call& call) {
  Args args = call.args();
  const std::int64_t ms = args.integer("ERR timeout is not an integer or out of range");
  if (ms < 0) args.fail("ERR timeout is negative");
  Connections::Pause what = Connections::Pause::all;
  if (args.option("WRITE")) {
    what = Connections::Pause::writes;
  } else if (!args.empty() && !args.option("ALL")) {
    args.fail("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  if (ms > unix_ms(kNever) - unix_ms(call.now)) args.fail("ERR timeout is out of range");
  if (!args.done()) return call.refuse(args.error());
  call.services.connections.pause(what, call.now + Millis(ms));
  call.reply.ok();
}

void client_unpause(Call& call) {
  call.services.connections.pause(Connections::Pause::none, call.now);
  call.reply.ok();
}

void client_unblock(Call& call) {
  const auto words = call.words();
  if (words.size() > 4) return call.refuse_subcommand();
  const bool by_error = words.size() == 4 && equal_any_case(words[3], "ERROR");
  if (words.size() == 4 && !by_error && !equal_any_case(words[3], "TIMEOUT")) {
    return call.refuse("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  const std::optional<std::int64_t> id = parse_integer(words[2]);
  if (!id) return call.refuse(kNotAnInteger);
  using Ended = BlockedRequest::Ended;
  const Ended how = by_error ? Ended::by_error : Ended::as_by_timeout;
  const bool ended = call.services.blocked->end(static_cast<std::uint64_t>(*id), how);
  call.reply.integer(ended ? 1 : 0);
}

}  // namespace sojourn::server
