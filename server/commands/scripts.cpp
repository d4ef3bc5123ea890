// EVAL and its kin, and SCRIPT. What runs them: growing.cpp and server/scripting.

#include "server/scripting/scripts.h"
#include "server/base/numbers.h"
#include "server/commands/call.h"
#include "server/commands/dispatcher.h"
#include "server/commands/errors.h"
#include "server/commands/help.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kNoScriptError = "NOSCRIPT No matching script. Please use EVAL.";
constexpr std::size_t kShaBytes = 40;
constexpr std::size_t kFixedWords = 3;  // EVAL script numkeys

Keyspace::Room room(const Call& call) {
  const std::uint64_t most = call.services.config.current()->maxmemory;
  if (most == 0) return Keyspace::Room::enough;
  return call.services.gauges->room(call.services.keyspace, most);
}

// The number of keys; refused when the words say nonsense.
std::optional<std::size_t> count_of_keys(Call& call) {
  const auto left = static_cast<std::int64_t>(call.words().size() - kFixedWords);
  const auto count = parse_integer(call.words()[2]);
  if (!count) return call.refuse(kNotAnInteger), std::nullopt;
  if (*count > left) {
    return call.refuse("ERR Number of keys can't be greater than number of args"), std::nullopt;
  }
  if (*count < 0) return call.refuse("ERR Number of keys can't be negative"), std::nullopt;
  return static_cast<std::size_t>(*count);
}

// What a script that says of itself what it does may not do, before it begins.
bool refuse_for_flags(Call& call, const Script& script, bool read_only, bool out_of_memory) {
  if (!script.has_flags || script.no_writes) return false;
  if (read_only) {
    call.refuse("ERR Can not execute a script with write flag using *_ro command.");
    return true;
  }
  if (refuse_for_storage(call.services.keyspace.journal(), call.reply)) return true;
  if (!out_of_memory || script.allow_oom) return false;
  call.refuse(
      "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
  return true;
}

// Only one that promises not to write runs during CLIENT PAUSE WRITE. In EXEC it was asked before.
bool wait_for_pause(Call& call, const Script& script, bool read_only) {
  if (read_only || script.no_writes || !call.is_alone()) return false;
  if (call.services.connections.paused(call.now) == Connections::Pause::none) return false;
  call.run_again_at(call.now + kPauseStep);
  return true;
}

// Nor does one that may write begin before there is room; but the values that it has had read would
// leave while it waits.
bool wait_for_room(Call& call, const Script& script, bool read_only) {
  if (read_only || script.no_writes || script.allow_oom || !call.is_alone()) return false;
  if (call.runner().has_read_for_script()) return false;
  if (room(call) != Keyspace::Room::soon) return false;
  call.run_again_at(call.now + kRoomStep);
  return true;
}

void run(Call& call, const Script& script, std::size_t keys, bool read_only) {
  if (wait_for_pause(call, script, read_only) || wait_for_room(call, script, read_only)) return;
  const bool no_memory = room(call) == Keyspace::Room::none;
  if (refuse_for_flags(call, script, read_only, no_memory)) return;
  const protocol::Words words = call.words().subspan(kFixedWords);
  call.runner().run_script(call, script,
                           {.keys = words.first(keys),
                            .arguments = words.subspan(keys),
                            .version = call.reply.version(),
                            .long_after = call.services.config.current()->busy_reply_threshold},
                           {.read_only = read_only || script.no_writes,
                            .out_of_memory = no_memory && !script.allow_oom});
}

template <bool read_only>
void eval(Call& call) {
  if (call.connection.unfinished.request != nullptr) return call.runner().go_on_with_script(call);
  const auto keys = count_of_keys(call);
  if (!keys) return;
  const auto script = call.services.scripts->load(call.words()[1], false);
  if (!script) return call.refuse(script.error().detail);
  run(call, **script, *keys, read_only);
}

template <bool read_only>
void evalsha(Call& call) {
  if (call.connection.unfinished.request != nullptr) return call.runner().go_on_with_script(call);
  if (call.words()[1].size() != kShaBytes) return call.refuse(kNoScriptError);
  const auto keys = count_of_keys(call);
  if (!keys) return;
  const Script* const script = call.services.scripts->find(call.words()[1]);
  if (script == nullptr) return call.refuse(kNoScriptError);
  run(call, *script, *keys, read_only);
}

void script_load(Call& call) {
  const auto script = call.services.scripts->load(call.words()[2], true);
  if (!script) return call.refuse(script.error().detail);
  call.reply.bulk((*script)->sha);
}

void script_exists(Call& call) {
  const protocol::Words shas = call.words().subspan(2);
  call.reply.array(shas.size());
  for (const std::string_view sha : shas) {
    call.reply.integer(call.services.scripts->find(sha) != nullptr);
  }
}

void script_flush(Call& call) {
  Args args = call.args();
  if (!args.empty() && !args.option("SYNC") && !args.option("ASYNC")) {
    args.fail("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  if (!args.done()) {
    return call.refuse("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  call.services.scripts->flush();
  call.reply.ok();
}

void script_kill(Call& call) {
  switch (call.services.scripts->kill()) {
    case Scripts::Kill::done:
      call.services.log.warning("Lua script killed by user with SCRIPT KILL.");
      return call.reply.ok();
    case Scripts::Kill::no_script:
      return call.refuse("NOTBUSY No scripts in execution right now.");
    case Scripts::Kill::has_written:
      return call.refuse(
          "UNKILLABLE Sorry the script already executed write commands against the dataset. You "
          "can either wait the script termination or kill the server in a hard way using the "
          "SHUTDOWN NOSAVE command.");
  }
}

void script_debug(Call& call) {
  Args args = call.args();
  if (args.option("NO")) return call.reply.ok();
  if (args.option("YES") || args.option("SYNC")) {
    return call.refuse("ERR There is no debugger for scripts");
  }
  call.refuse("ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

constexpr KeySpec kScriptKeys = [] {
  KeySpec keys{3, 3, 1, kRW | kAccess | kUpdate, kRW | kAccess | kUpdate};
  keys.counted = 2;
  return keys;
}();
constexpr KeySpec kReadKeys = [] {
  KeySpec keys{3, 3, 1, kRO | kAccess, kRO | kAccess};
  keys.counted = 2;
  return keys;
}();
constexpr Flags kScript = kNoScript | kStale | kSkipMonitor | kNoMandatoryKeys | kGrows;

// clang-format off
constexpr Command kScriptSubcommands[] = {
    {.name = "debug", .arity = exactly(3), .flags = kNoScript, .group = Group::scripting,
     .run = script_debug, .since = "3.2.0", .complexity = "O(1)", .syntax = "YES | SYNC | NO",
     .summary = "Sets no debugger for scripts; there is none."},
    {.name = "exists", .arity = at_least(3), .flags = kNoScript | kGrows,
     .spread = {"all_shards", "agg_logical_and"},
     .group = Group::scripting, .run = script_exists, .since = "2.6.0",
     .complexity = "O(N) where N is the number of scripts asked for", .syntax = "sha1 [sha1 ...]",
     .summary = "Says of each SHA-1 whether its script is known."},
    {.name = "flush", .arity = at_least(2), .flags = kNoScript | kGrows,
     .spread = {"all_nodes", "all_succeeded"},
     .group = Group::scripting, .run = script_flush, .since = "2.6.0",
     .complexity = "O(N) where N is the number of known scripts", .syntax = "[ASYNC | SYNC]@6.2.0",
     .summary = "Forgets all scripts."},
    {.name = "help", .arity = exactly(2), .flags = kLoading | kStale, .group = Group::scripting,
     .run = help, .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands of SCRIPT."},
    {.name = "kill", .arity = exactly(2), .flags = kNoScript | kAllowBusy,
     .spread = {"all_shards", "one_succeeded"},
     .group = Group::scripting, .run = script_kill, .since = "2.6.0", .complexity = "O(1)",
     .summary = "Ends the script that runs for long, unless it has written."},
    {.name = "load", .arity = exactly(3), .flags = kNoScript | kStale | kGrows,
     .spread = {"all_nodes", "all_succeeded"},
     .group = Group::scripting, .run = script_load, .since = "2.6.0",
     .complexity = "O(N) where N is the length of the script", .syntax = "script",
     .summary = "Compiles a script, keeps it and returns its SHA-1."},
};

constexpr Command kCommands[] = {
    {.name = "eval", .arity = at_least(3), .flags = kScript | kPublishes | kSaysItself,
     .keys = noted("RW and UPDATE at worst: what a script does with them is its own affair",
                   kScriptKeys),
     .group = Group::scripting, .run = eval<false>, .since = "2.6.0",
     .complexity = "Depends on the script",
     .syntax = "script numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a Lua script as one command."},
    {.name = "eval_ro", .arity = at_least(3), .flags = kScript | kReadOnly,
     .keys = noted("RO and ACCESS at worst: what a script does with them is its own affair",
                   kReadKeys),
     .group = Group::scripting, .run = eval<true>, .since = "7.0.0",
     .complexity = "Depends on the script",
     .syntax = "script numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a Lua script that may only read."},
    {.name = "evalsha", .arity = at_least(3), .flags = kScript | kPublishes | kSaysItself,
     .keys = kScriptKeys, .group = Group::scripting, .run = evalsha<false>, .since = "2.6.0",
     .complexity = "Depends on the script",
     .syntax = "sha1 numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a Lua script that is known by its SHA-1."},
    {.name = "evalsha_ro", .arity = at_least(3), .flags = kScript | kReadOnly, .keys = kReadKeys,
     .group = Group::scripting, .run = evalsha<true>, .since = "7.0.0",
     .complexity = "Depends on the script",
     .syntax = "sha1 numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a Lua script that is known by its SHA-1 and may only read."},
    {.name = "script", .arity = at_least(2), .group = Group::scripting, .since = "2.6.0",
     .summary = "Contains the commands on the server's scripts.",
     .subcommands = kScriptSubcommands},
};
// clang-format on
static_assert(well_formed(kCommands));

}  // namespace

std::span<const Command> script_commands() { return kCommands; }

}  // namespace sojourn::server
