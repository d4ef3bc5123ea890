#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/request_parser.h"
#include "server/acl/acl_log.h"
#include "server/acl/user.h"
#include "server/commands/command.h"
#include "server/commands/connection_state.h"

namespace sojourn::server {

struct Services;

// Why a user may not run a request.
struct Denial {
  AclLog::Reason reason = AclLog::Reason::command;
  std::size_t word = 0;  // which of the request's words is the key or channel
};

// What keeps the user from running this request; nullopt: nothing does. `words` fit the row's
// arity. Who is unrestricted() need not be asked about. The keys are those of for_each_key, which
// execution uses too.
std::optional<Denial> denial_of(const User& user, const Command& command, protocol::Words words);

// "User alice has no permissions to run the 'get' command"; `naming`: the key or channel is told.
std::string explain(const Denial& denial, const User& user, const Command& command,
                    protocol::Words words, bool naming);

// For ACL LOG and INFO: of the user that the connection acts as.
void log_denial(Services& services, const ConnectionState& connection, const Denial& denial,
                const Command& command, protocol::Words words, AclLog::Context context, Time now);
// The same for who could not log in as `user`; `how` is the command.
void log_failed_login(Services& services, const ConnectionState& connection, std::string_view user,
                      std::string_view how, Time now);

// Brings whom the connection acts as up to date with what became of users. False: he was deleted,
// or it is subscribed to what he may not listen to any more, and it must be closed. `generation`:
// the configuration's.
bool follow_user(Services& services, ConnectionState& connection, std::uint64_t generation);

// From now on the connection acts as this user; null: as who comes new.
void act_as(Services& services, ConnectionState& connection, std::shared_ptr<const User> user);

// Whom CLIENT LIST shows.
std::string_view user_name(const ConnectionState& connection);

}  // namespace sojourn::server
