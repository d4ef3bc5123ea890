#include "server/commands/script_calls.h"

#include <algorithm>
#include <functional>

#include "server/commands/dispatcher.h"
#include "server/commands/errors.h"
#include "server/commands/key_words.h"
#include "server/commands/permissions.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

// A command within a script never waits for anything.
const std::function<void()> kNoWake = [] {};

constexpr std::size_t kLoggedMax = 1024;

bool has(const Command& command, Flags flags) { return (command.flags & flags) != 0; }

bool fits(const Command& command, std::size_t words) {
  const auto count = static_cast<std::int64_t>(words);
  const std::int64_t arity = command.arity.words;
  return command.run != nullptr && (arity > 0 ? count == arity : count >= -arity);
}

}  // namespace

ScriptCalls::ScriptCalls(Dispatcher& dispatcher, Services& services, ConnectionState& connection,
                         Transaction& transaction, Limits limits)
    : dispatcher_(dispatcher),
      services_(services),
      connection_(&connection),
      transaction_(transaction),
      limits_(limits),
      database_(connection.database) {}

ScriptCalls::~ScriptCalls() { connection_->database = database_; }

void ScriptCalls::go_on_for(ConnectionState& heir) { connection_ = &heir; }

bool ScriptCalls::call(std::span<const std::string_view> words, protocol::Version version,
                       std::string& reply) {
  protocol::ReplyWriter writer(reply, version);
  Request request{.services = services_,
                  .settings = dispatcher_.settings(),
                  .connection = *connection_,
                  .words = words,
                  .reply = writer,
                  .now = transaction_.now(),
                  .wake = kNoWake,
                  .command = services_.registry.find_row(words)};
  request.within_script = true;
  if (admit(request) && take_keys(request)) {
    dispatcher_.run_held(request, transaction_, keys_);
  } else if (missing_ == Missing::nothing) {
    dispatcher_.refuse_held(request);
  } else {
    return false;
  }
  if (reply[request.reply_begin] == '-') [[unlikely]]
    counted_error_ = reply.substr(request.reply_begin, reply.rfind('\r') - request.reply_begin);
  return true;
}

// False with an error in the reply, or when the script has to be given up.
bool ScriptCalls::admit(Request& request) {
  const auto refuse = [&](std::string_view error) {
    request.reply.error(error);
    return false;
  };
  if (request.command == nullptr) return refuse("ERR Unknown Redis command called from script");
  const Command& command = *request.command;
  if (!fits(command, request.words.size())) {
    return refuse("ERR Wrong number of args calling Redis command from script");
  }
  if (has(command, kNoScript | kWaits)) {
    return refuse("ERR This Redis command is not allowed from script");
  }
  if (!permitted(request)) return false;
  // What publishes is told to replicas, which to Redis is a write.
  if (has(command, kWrite | kPublishes) && limits_.read_only) {
    return refuse("ERR Write commands are not allowed from read-only scripts.");
  }
  request.flags = command.flags;
  if (!pass_gates_of_script(request)) return false;
  if (limits_.out_of_memory && !wrote_ && has(command, kDenyOom)) {
    return refuse("OOM command not allowed when used memory > 'maxmemory'.");
  }
  if (has(command, kWrite) && transaction_.changes_bytes() > kChangesMax) {
    return refuse("ERR The script has changed more than one unit may hold (256 MB)");
  }
  if (has(command, kWholeKeyspace) && !services_.keyspace.warm() &&
      (command.keys.first == 0 || may_begin_again())) {
    return give_up_for(Missing::all, request);
  }
  return true;
}

// Of whom the script runs for.
bool ScriptCalls::permitted(Request& request) {
  const std::uint64_t generation = services_.config.generation();
  if (connection_->unrestricted_in == generation) [[likely]]
    return true;
  if (!follow_user(services_, *connection_, generation)) {
    request.reply.error("ERR ACL failure in script: the user is gone");
    return false;
  }
  const User& user = *connection_->user;
  if (user.unrestricted()) return true;
  const auto denial = denial_of(user, *request.command, request.words);
  if (!denial) return true;
  log_denial(services_, *connection_, *denial, *request.command, request.words,
             AclLog::Context::lua, request.now);
  request.reply.error("ERR ACL failure in script: " +
                      explain(*denial, user, *request.command, request.words, false));
  return false;
}

// The keys are held, and known. What is written is decided on here: nothing has been done yet.
bool ScriptCalls::take_keys(Request& request) {
  const Command& command = *request.command;
  Keyspace& keyspace = services_.keyspace;
  keys_.clear();
  for_each_key(command, request.words, [&](std::string_view name, KeyUse) {
    keys_.push_back(keyspace.key(connection_->database, name));
  });
  if (has(command, kAllShards)) transaction_.hold_all();
  const Need need = need_of(command, request.words);
  for (const Key& key : keys_) {
    transaction_.hold(key);
    if (!know(key, need, request)) return false;
  }
  if (has(command, kWholeKeyspace) && !know_everywhere(request)) return false;
  if (has(command, kWrite)) {
    if (!services_.scripts->begin_to_write()) {
      request.reply.error("ERR Script killed by user with SCRIPT KILL...");
      return false;
    }
    wrote_ = true;
  }
  acted_ = acted_ || has(command, kWrite | kPublishes | kAdmin);
  return true;
}

// What is on disk only is read before the script begins again, or, where it cannot, here: the one
// place where a worker waits for a disk. The server has not read all it has then, or has not room
// for all; the script has changed something, or has begun again often enough; and now asks for a
// key that it did not declare.
bool ScriptCalls::know(const Key& key, Need need, Request& request) {
  const bool known = transaction_.knows(key);
  const bool away = known && services_.keyspace.any_away() && transaction_.lacks({&key, 1}, need);
  if (known && !away) [[likely]]
    return true;
  if (may_begin_again() && (!away || limits_.reads < kReadsMax)) {
    missing_name_ = key.name;
    missing_database_ = key.database;
    return give_up_for(Missing::key, request);
  }
  transaction_.say_it_will_be_long();
  const auto failure = transaction_.learn(key);
  if (!failure) return true;
  services_.log.warning("A record could not be read: {}", failure->detail);
  request.reply.error(kUnreadable);
  return false;
}

// What looks into other databases, too (COPY, MOVE), finds its keys there.
bool ScriptCalls::know_everywhere(Request& request) {
  if (services_.keyspace.settled()) [[likely]]
    return true;
  const std::size_t databases = services_.keyspace.databases();
  for (std::uint16_t database = 0; database < databases; ++database) {
    for (Key key : keys_) {
      key.database = database;
      if (!know(key, Need::key, request)) return false;
    }
  }
  return true;
}

// A script that has changed nothing begins again when what it needs has been read. One that has
// cannot: it gets what Redis answers to everybody while it loads.
bool ScriptCalls::give_up_for(Missing missing, Request& request) {
  if (!may_begin_again()) {
    request.reply.error("LOADING Redis is loading the dataset in memory");
    return false;
  }
  missing_ = missing;
  services_.scripts->give_up();
  return false;
}

bool ScriptCalls::may_call(std::span<const std::string_view> words, bool& known) {
  const Command* const command = services_.registry.find_row(words);
  known = command != nullptr;
  const std::uint64_t generation = services_.config.generation();
  if (!known || connection_->unrestricted_in == generation) return known;
  if (!follow_user(services_, *connection_, generation)) return false;
  const User& user = *connection_->user;
  return user.unrestricted() || (fits(*command, words.size()) && !denial_of(user, *command, words));
}

void ScriptCalls::log(int level, std::string_view text) {
  constexpr LogLevel kLevels[] = {LogLevel::debug, LogLevel::verbose, LogLevel::notice,
                                  LogLevel::warning};
  std::string line(text.substr(0, kLoggedMax));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  services_.log.write(kLevels[level], line);
}

void ScriptCalls::became_slow() { transaction_.say_it_will_be_long(); }

void ScriptCalls::became_long() {
  services_.keyspace.tell_waiting();
  services_.log.warning(
      "Slow script detected: still in execution after {} milliseconds. You can try killing the "
      "script using the SCRIPT KILL command.",
      dispatcher_.settings().busy_reply_threshold.count());
}

}  // namespace sojourn::server
