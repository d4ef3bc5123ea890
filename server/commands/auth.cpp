#include <fmt/format.h>

#include <utility>

#include "server/base/numbers.h"
#include "server/commands/connection_handlers.h"
#include "server/commands/monitor.h"
#include "server/commands/permissions.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kHelloNeedsAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
    "protocol version at the same time";

bool log_in(Call& call, std::string_view name, std::string_view password) {
  auto user = call.services.users->log_in(name, password);
  if (user == nullptr) {
    call.services.log.verbose("Authentication failed for {}", call.connection.peer_address);
    log_failed_login(call.services, call.connection, name, call.words().front(), call.now);
    call.refuse(kWrongPassword);
    return false;
  }
  act_as(call.services, call.connection, std::move(user));
  return true;
}

struct HelloOptions {
  std::string_view user, password, name;
  bool log_in = false, set_name = false;
};

// Reads the options; an error reply if they are wrong.
bool read_options(Call& call, HelloOptions& options) {
  const auto words = call.words();
  for (std::size_t i = 2; i < words.size();) {
    const std::size_t left = words.size() - i - 1;
    if (left >= 2 && equal_any_case(words[i], "AUTH")) {
      options.log_in = true;
      options.user = words[i + 1];
      options.password = words[i + 2];
      i += 3;
    } else if (left >= 1 && equal_any_case(words[i], "SETNAME")) {
      if (!valid_client_word(words[i + 1])) {
        call.refuse(kBadClientName);
        return false;
      }
      options.set_name = true;
      options.name = words[i + 1];
      i += 2;
    } else {
      call.refuse(fmt::format("ERR Syntax error in HELLO option '{}'", words[i]));
      return false;
    }
  }
  return true;
}

void describe_server(Call& call) {
  protocol::ReplyWriter& reply = call.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");  // clients look for it
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(static_cast<std::int64_t>(call.connection.version));
  reply.bulk("id");
  reply.unsigned_integer(call.connection.id);
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

}  // namespace

void auth(Call& call) {
  const auto words = call.words();
  if (words.size() > 3) return call.refuse("ERR syntax error");
  if (words.size() == 2 && call.services.users->unprotected()) {
    return call.refuse(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const std::string_view user = words.size() == 3 ? words[1] : Users::kDefault;
  if (log_in(call, user, words.back())) call.reply.ok();
}

void hello(Call& call) {
  const auto words = call.words();
  auto version = call.connection.version;
  if (words.size() > 1) {
    const auto number = parse_integer(words[1]);
    if (!number) return call.refuse("ERR Protocol version is not an integer or out of range");
    if (*number != 2 && *number != 3) return call.refuse("NOPROTO unsupported protocol version");
    version = static_cast<protocol::Version>(*number);
  }
  HelloOptions options;
  if (!read_options(call, options)) return;
  if (options.log_in && !log_in(call, options.user, options.password)) return;
  if (!call.connection.authenticated) return call.refuse(kHelloNeedsAuth);

  if (options.set_name) call.connection.name = options.name;
  call.connection.version = version;
  call.reply.set_version(version);
  describe_server(call);
}

void reset(Call& call) {
  ConnectionState& connection = call.connection;
  connection.multi.reset();
  forget_subscriptions(*call.services.channels, connection);
  stop_tracking(call.services, connection);
  if (connection.monitoring) stop_monitoring(call.services, connection);
  connection.database = 0;
  connection.name.clear();
  connection.version = protocol::Version::resp2;
  connection.no_touch = false;
  connection.no_evict = false;
  connection.reply_mode = ConnectionState::ReplyMode::on;
  act_as(call.services, connection, nullptr);
  call.reply.set_version(connection.version);
  call.reply.simple("RESET");
}

}  // namespace sojourn::server
