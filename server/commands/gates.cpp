#include "server/commands/gates.h"

#include <fmt/format.h>

#include "server/commands/errors.h"
#include "server/commands/permissions.h"

namespace sojourn::server {
namespace {

// How soon to look again for what nobody announces.
constexpr Millis kBudgetStep{2};

bool has(const Request& request, Flags flag) { return (request.flags & flag) != 0; }

Verdict refuse(Request& request, std::string_view error) {
  request.reply.error(error);
  return Verdict::refuse;
}

constexpr std::string_view kNoLogin = "NOAUTH Authentication required.";

// Of who is not known to be allowed everything.
Verdict examine(Request& request) {
  ConnectionState& connection = request.connection;
  Services& services = request.services;
  if (!follow_user(services, connection, request.generation)) {
    connection.close_after_reply = true;
    return refuse(request, kNoLogin);
  }
  const User& user = *connection.user;
  if (!connection.authenticated && !(user.enabled() && user.needs_no_password())) {
    return has(request, kNoAuth) ? Verdict::pass : refuse(request, kNoLogin);
  }
  if (user.unrestricted()) {
    connection.unrestricted_in = request.generation;
    return Verdict::pass;
  }
  const auto denial = denial_of(user, *request.command, request.words);
  if (!denial) return Verdict::pass;
  connection.last_command = request.command;
  log_denial(services, connection, *denial, *request.command, request.words,
             connection.multi.open() ? AclLog::Context::multi : AclLog::Context::toplevel,
             request.now);
  return refuse(request,
                "NOPERM " + explain(*denial, user, *request.command, request.words, false));
}

// Who it is, and what he may do.
Verdict permission(Request& request, Time&) {
  if (request.connection.unrestricted_in == request.generation) [[likely]]
    return Verdict::pass;
  return examine(request);
}

Verdict debugging(Request& request, Time&) {
  if (!has(request, kDebug)) [[likely]]
    return Verdict::pass;
  const ProtectedCommands allowed = request.settings.enable_debug_command;
  if (allowed == ProtectedCommands::yes) return Verdict::pass;
  if (allowed == ProtectedCommands::local && is_local(request.connection)) return Verdict::pass;
  return refuse(request,
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
                "\"local\", you can run it from a local connection, otherwise you need to set this "
                "option in the configuration file, and then restart the server.");
}

Verdict storage(Request& request, Time&) {
  if (!has(request, kWrite | kHealth)) return Verdict::pass;
  Journal& journal = request.services.keyspace.journal();
  const StorageState state = journal.state();
  if (state == StorageState::ok) [[likely]]
    return Verdict::pass;
  if (state == StorageState::read_only && has(request, kHealth)) return Verdict::pass;
  refuse_for_storage(journal, request.reply);
  return Verdict::refuse;
}

Verdict memory(Request& request, Time& again_at) {
  const std::uint64_t most = request.settings.maxmemory;
  if (most == 0 || !has(request, kDenyOom)) [[likely]]
    return Verdict::pass;
  switch (request.services.gauges->room(request.services.keyspace, most)) {
    case Keyspace::Room::enough:
      return Verdict::pass;
    case Keyspace::Room::soon:
      // Who was let in before, and has had values read since, would lose them while he waits.
      if (request.connection.awaited != nullptr) return Verdict::pass;
      again_at = request.now + kRoomStep;
      return Verdict::wait_until;
    case Keyspace::Room::none:
      break;
  }
  return refuse(request, "OOM command not allowed when used memory > 'maxmemory'.");
}

// In RESP2 a message cannot be told from a reply, so a subscriber is to expect messages only. To
// Redis who monitors is a kind of replica.
Verdict subscribed(Request& request, Time&) {
  if (!request.connection.is_told()) [[likely]]
    return Verdict::pass;
  if (request.connection.monitoring && has(request, kWrite | kReadOnly | kPublishes)) {
    return refuse(request, "ERR Replica can't interact with the keyspace");
  }
  if (!request.connection.subscriptions.any()) return Verdict::pass;
  if (request.connection.version != protocol::Version::resp2) return Verdict::pass;
  if (has(request, kWhileSubscribed)) return Verdict::pass;
  return refuse(request,
                fmt::format("ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING "
                            "/ QUIT / RESET are allowed in this context",
                            request.command->full_name));
}

// Begun before everybody was told: Redis leaves who is blocked as he is, and what was done is done.
bool is_under_way(const Request& request) {
  const ConnectionState& connection = request.connection;
  return connection.blocked || (connection.awaited != nullptr && request.command->keys.first == 0);
}

// A script is slow: who asks for all keys there are waits for it.
Verdict beside_script(Request& request) {
  constexpr std::uint64_t kAllKeys = kWholeKeyspace | kAllShards;
  const std::uint64_t flags = request.command->flags;
  if ((flags & (kAllKeys | kGrows)) != kAllKeys || request.queueing) return Verdict::pass;
  request.services.keyspace.when_let_go(request.wake);
  // Those who wait are told when it becomes long: it may have done so just before.
  const Scripts& scripts = *request.services.scripts;
  if (!scripts.runs_long() && !scripts.stopping()) return Verdict::wait_wakeup;
  return refuse(request, kBusy);
}

// While a script runs for long everybody is told, as in Redis, except for what ends it. A reply
// that was begun waits.
Verdict busy(Request& request, Time& again_at) {
  const Scripts::Standing standing = request.services.scripts->standing();
  if (standing == Scripts::Standing::none) [[likely]]
    return Verdict::pass;
  const OwnUnfinished& unfinished = request.connection.unfinished;
  if (unfinished.runs_script()) return Verdict::pass;
  if (standing == Scripts::Standing::slow) return beside_script(request);
  if (unfinished.request != nullptr) {
    again_at = request.now + kPauseStep;
    return Verdict::wait_until;
  }
  if (has(request, kAllowBusy) && request.command->keys.first == 0) return Verdict::pass;
  if (is_under_way(request)) return Verdict::pass;
  return refuse(request, kBusy);
}

Verdict pause(Request& request, Time& again_at) {
  const Connections::Pause paused = request.services.connections.paused(request.now);
  if (paused == Connections::Pause::none) [[likely]]
    return Verdict::pass;
  if (has(request, kNeverPaused)) return Verdict::pass;
  if (paused == Connections::Pause::writes &&
      ((request.flags & (kWrite | kPublishes)) == 0 || has(request, kSaysItself))) {
    return Verdict::pass;
  }
  if (request.connection.unfinished.runs_script()) return Verdict::pass;  // it has begun
  again_at = request.now + kPauseStep;
  return Verdict::wait_until;
}

// A write may publish too: what becomes of its keys.
Verdict budgets(Request& request, Time& again_at) {
  if (!has(request, kWrite | kPublishes)) return Verdict::pass;
  const Journal& journal = request.services.keyspace.journal();
  // What cannot be written now is not waited for: a write was refused, and what else comes here
  // (a script) may not write.
  const bool full = journal.over_budget() && journal.state() == StorageState::ok;
  if (!full && !request.services.channels->behind()) [[likely]]
    return Verdict::pass;
  if (request.connection.unfinished.runs_script()) return Verdict::pass;
  again_at = request.now + kBudgetStep;
  return Verdict::wait_until;
}

Verdict warming(Request& request, Time&) {
  if (!has(request, kWholeKeyspace) || request.services.keyspace.warm()) [[likely]] {
    return Verdict::pass;
  }
  if (request.queueing) return Verdict::pass;
  request.services.keyspace.when_warm(request.wake);
  return Verdict::wait_wakeup;
}

// The gates in their order; a new one is a function and a word here.
template <Verdict (*... gates)(Request&, Time&)>
Verdict ask_in_order(Request& request, Time& again_at) {
  Verdict verdict = Verdict::pass;
  (void)(((verdict = gates(request, again_at)) == Verdict::pass) && ...);
  return verdict;
}

}  // namespace

Verdict pass_gates(Request& request, Time& again_at) {
  return ask_in_order<debugging, permission, busy, storage, memory, subscribed, pause, budgets,
                      warming>(request, again_at);
}

bool pass_gates_of_script(Request& request) {
  Time never{};
  return ask_in_order<debugging, storage>(request, never) == Verdict::pass;
}

bool refuse_for_storage(Journal& journal, protocol::ReplyWriter& reply) {
  const StorageState state = journal.state();
  if (state == StorageState::ok) return false;
  reply.error(fmt::format(
      "MISCONF Sojourn can't write: {}. Reads are served; {}.", journal.failure(),
      state == StorageState::read_only ? "writes are too once the disk has space again"
                                       : "writes are not until the server is restarted"));
  return true;
}

bool is_local(const ConnectionState& connection) {
  const std::string_view peer = connection.peer_address;
  return peer.starts_with("127.") || peer.starts_with("[::1]:") || peer.starts_with("::1:") ||
         peer.starts_with('/');
}

}  // namespace sojourn::server
