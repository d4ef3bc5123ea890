#include <limits>

#include "server/commands/call.h"
#include "server/commands/connection_handlers.h"
#include "server/commands/help.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// Looks like a message, as all that a subscriber gets in RESP2.
void pong_to_subscriber(Call& call) {
  const auto words = call.words();
  call.reply.array(2);
  call.reply.bulk("pong");
  call.reply.bulk(words.size() == 2 ? words[1] : "");
}

void ping(Call& call) {
  const auto words = call.words();
  if (words.size() > 2) return call.refuse_arity();
  if (call.connection.subscriptions.any() && call.reply.version() == protocol::Version::resp2) {
    return pong_to_subscriber(call);
  }
  if (words.size() == 2) return call.reply.bulk(words[1]);
  call.reply.simple("PONG");
}

void echo(Call& call) { call.reply.bulk(call.words()[1]); }

void quit(Call& call) {
  call.connection.close_after_reply = true;
  call.reply.ok();
}

void select(Call& call) {
  Args args = call.args();
  const std::int64_t database = args.integer();
  if (!args.done()) return call.refuse(args.error());
  if (database < std::numeric_limits<int>::min() || database > std::numeric_limits<int>::max()) {
    return call.refuse("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (database < 0 || database >= static_cast<std::int64_t>(call.services.keyspace.databases())) {
    return call.refuse("ERR DB index is out of range");
  }
  call.connection.database = static_cast<std::uint16_t>(database);
  call.reply.ok();
}

constexpr Flags kHandshake =
    kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy | kConnection | kNeverPaused;
constexpr Flags kClient = kNoScript | kLoading | kStale | kConnection | kNeverPaused;
constexpr Flags kHelp = kLoading | kStale | kConnection | kNeverPaused;

constexpr Command kClientCommands[] = {
    {.name = "caching",
     .arity = exactly(3),
     .flags = kClient,
     .group = Group::connection,
     .run = client_caching,
     .since = "6.0.0",
     .complexity = "O(1)",
     .syntax = "YES | NO",
     .summary = "Says whether what the next command reads is tracked, where that is optional."},
    {.name = "getname",
     .arity = exactly(2),
     .flags = kClient,
     .group = Group::connection,
     .run = client_getname,
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Returns the name this connection was given."},
    {.name = "getredir",
     .arity = exactly(2),
     .flags = kClient,
     .group = Group::connection,
     .run = client_getredir,
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary =
         "Returns the connection that is told of changes instead: 0 is none, -1 no tracking."},
    {.name = "help",
     .arity = exactly(2),
     .flags = kHelp,
     .group = Group::connection,
     .run = help,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands of CLIENT."},
    {.name = "id",
     .arity = exactly(2),
     .flags = kClient,
     .group = Group::connection,
     .run = client_id,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Returns this connection's number, which no other ever has."},
    {.name = "info",
     .arity = exactly(2),
     .flags = kClient | kTouchesRandomKeys,
     .group = Group::connection,
     .run = client_info,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Describes this connection as CLIENT LIST does."},
    {.name = "kill",
     .arity = at_least(3),
     .flags = kClient | kAdmin,
     .group = Group::connection,
     .run = client_kill,
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of connections",
     .syntax = "ip:port!2.8.12 | <[ID client-id]@2.8.12 "
               "| [TYPE <NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB>]@2.8.12 "
               "| [USER username] | [ADDR ip:port] | [LADDR ip:port]@6.2.0 | [SKIPME <YES | NO>] "
               "| [MAXAGE maxage]@7.4.0> ...",
     .summary = "Closes the connections that fit all of the filters."},
    {.name = "list",
     .arity = at_least(2),
     .flags = kClient | kAdmin | kTouchesRandomKeys,
     .group = Group::connection,
     .run = client_list,
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of connections",
     .syntax = "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>]@5.0.0 "
               "[ID client-id [client-id ...]]@6.2.0",
     .summary = "Describes all open connections, a line each."},
    {.name = "no-evict",
     .arity = exactly(3),
     .flags = kClient | kAdmin,
     .group = Group::connection,
     .run = client_no_evict,
     .since = "7.0.0",
     .complexity = "O(1)",
     .syntax = "ON | OFF",
     .summary = "Spares this connection when connections are closed to save memory."},
    {.name = "no-touch",
     .arity = exactly(3),
     .flags = kClient,
     .group = Group::connection,
     .run = client_no_touch,
     .since = "7.2.0",
     .complexity = "O(1)",
     .syntax = "ON | OFF",
     .summary = "Makes this connection's reads leave no trace in keys' access times."},
    {.name = "pause",
     .arity = at_least(3),
     .flags = kClient | kAdmin,
     .group = Group::connection,
     .run = client_pause,
     .since = "2.9.50",
     .complexity = "O(1)",
     .syntax = "timeout [WRITE | ALL]@6.2.0",
     .summary = "Holds requests, or only writes, for that many milliseconds."},
    {.name = "reply",
     .arity = exactly(3),
     .flags = kClient,
     .group = Group::connection,
     .run = client_reply,
     .since = "3.2.0",
     .complexity = "O(1)",
     .syntax = "ON | OFF | SKIP",
     .summary = "Says whether this connection wants replies."},
    {.name = "setinfo",
     .arity = exactly(4),
     .flags = kClient,
     .group = Group::connection,
     .run = client_setinfo,
     .since = "7.2.0",
     .complexity = "O(1)",
     .syntax = "LIB-NAME libname | LIB-VER libver",
     .summary = "Says which client library this connection uses."},
    {.name = "setname",
     .arity = exactly(3),
     .flags = kClient,
     .group = Group::connection,
     .run = client_setname,
     .since = "2.6.9",
     .complexity = "O(1)",
     .syntax = "connection-name",
     .summary = "Names this connection."},
    {.name = "tracking",
     .arity = at_least(3),
     .flags = kClient,
     .group = Group::connection,
     .run = client_tracking,
     .since = "6.0.0",
     .complexity = "O(1). Some options may introduce additional complexity.",
     .syntax = "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] "
               "[OPTIN] [OPTOUT] [NOLOOP]",
     .summary = "Tells this connection when keys change of which it keeps copies."},
    {.name = "trackinginfo",
     .arity = exactly(2),
     .flags = kClient,
     .group = Group::connection,
     .run = client_trackinginfo,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Describes how this connection is told of changes of keys."},
    {.name = "unblock",
     .arity = at_least(3),
     .flags = kClient | kAdmin,
     .group = Group::connection,
     .run = client_unblock,
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "client-id [TIMEOUT | ERROR]",
     .summary = "Ends what another connection waits for, as if its time were up or by an error."},
    {.name = "unpause",
     .arity = exactly(2),
     .flags = kClient | kAdmin,
     .group = Group::connection,
     .run = client_unpause,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Ends what CLIENT PAUSE began."},
};

constexpr Command kConnectionCommands[] = {
    {.name = "auth",
     .arity = at_least(2),
     .flags = kHandshake | kSecretWords,
     .group = Group::connection,
     .run = auth,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "[username]@6.0.0 password",
     .summary = "Proves who this connection is."},
    {.name = "client",
     .arity = at_least(2),
     .group = Group::connection,
     .since = "2.4.0",
     .summary = "Contains the commands on connections.",
     .subcommands = kClientCommands},
    {.name = "echo",
     .arity = exactly(2),
     .flags = kLoading | kStale | kFast | kConnection,
     .group = Group::connection,
     .run = echo,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "message",
     .summary = "Returns its argument."},
    {.name = "hello",
     .arity = at_least(1),
     .flags = kHandshake | kSecretWords | kSecretOption,
     .group = Group::connection,
     .run = hello,
     .since = "6.0.0",
     .complexity = "O(1)",
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Chooses the protocol's version, authenticates, and describes the server."},
    {.name = "ping",
     .arity = at_least(1),
     .flags = kFast | kConnection | kHealth | kWhileSubscribed,
     .spread = {"all_shards", "all_succeeded"},
     .group = Group::connection,
     .run = ping,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "[message]",
     .summary = "Answers PONG, or its argument, while all is well."},
    {.name = "quit",
     .arity = at_least(1),
     .flags = kHandshake | kNotQueued | kWhileSubscribed,
     .group = Group::connection,
     .run = quit,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Closes the connection after the replies to all earlier requests."},
    {.name = "reset",
     .arity = exactly(1),
     .flags = kHandshake | kNotQueued | kWhileSubscribed,
     .group = Group::connection,
     .run = reset,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Makes the connection as it was when it opened."},
    {.name = "select",
     .arity = exactly(2),
     .flags = kLoading | kStale | kFast | kConnection | kSelects,
     .group = Group::connection,
     .run = select,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "index",
     .summary = "Chooses the database of the requests that follow."},
};
static_assert(well_formed(kConnectionCommands));

}  // namespace

std::span<const Command> connection_commands() { return kConnectionCommands; }

}  // namespace sojourn::server
