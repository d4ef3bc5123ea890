// MULTI, EXEC, DISCARD, WATCH and UNWATCH. How EXEC runs what is queued: exec.cpp.

#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

void multi(Call& call) {
  Multi& multi = call.connection.multi.make();
  if (multi.open()) return call.refuse("ERR MULTI calls can not be nested");
  multi.begin();
  call.reply.ok();
}

// Of a connection that has queued nothing: the dispatcher runs what is queued.
void exec(Call& call) { call.refuse("ERR EXEC without MULTI"); }

void discard(Call& call) {
  if (!call.connection.multi.open()) return call.refuse("ERR DISCARD without MULTI");
  call.connection.multi.reset();
  call.reply.ok();
}

void watch(Call& call) {
  if (call.connection.multi.open()) return call.refuse("ERR WATCH inside MULTI is not allowed");
  Multi& multi = call.connection.multi.make();
  for (const Key& key : call.keys()) multi.watch(call.services.keyspace, call.tx(), key);
  call.reply.ok();
}

// Within EXEC too, where nothing is watched any more.
void unwatch(Call& call) {
  if (call.connection.multi) {
    call.connection.multi->unwatch();
    if (!call.connection.multi.open()) call.connection.multi.reset();
  }
  call.reply.ok();
}

constexpr Flags kTransaction = kNoScript | kLoading | kStale | kTransactionCategory;

// clang-format off
constexpr Command kTransactionCommands[] = {
    {.name = "discard", .arity = exactly(1), .flags = kTransaction | kFast | kAllowBusy | kNotQueued,
     .group = Group::transactions, .run = discard, .since = "2.0.0",
     .complexity = "O(N) where N is the number of queued commands",
     .summary = "Forgets the commands queued since MULTI, and the watched keys."},
    {.name = "exec", .arity = exactly(1),
     .flags = kTransaction | kSkipSlowlog | kNotQueued | kRunsQueue,
     .group = Group::transactions, .run = exec, .since = "1.2.0",
     .complexity = "Depends on the queued commands",
     .summary = "Runs the commands queued since MULTI as one, unless a watched key has changed."},
    {.name = "multi", .arity = exactly(1), .flags = kTransaction | kFast | kAllowBusy | kNotQueued,
     .group = Group::transactions, .run = multi, .since = "1.2.0", .complexity = "O(1)",
     .summary = "Begins a transaction: the commands that follow are queued."},
    {.name = "unwatch", .arity = exactly(1), .flags = kTransaction | kFast | kAllowBusy,
     .group = Group::transactions, .run = unwatch, .since = "2.2.0", .complexity = "O(1)",
     .summary = "Forgets the watched keys."},
    {.name = "watch", .arity = at_least(2),
     .flags = kTransaction | kFast | kAllowBusy | kNotQueued | kKeysOnly,
     .keys = all_keys(kRO), .group = Group::transactions, .run = watch, .since = "2.2.0",
     .complexity = "O(1) for every key", .syntax = "key [key ...]",
     .summary = "Makes the next EXEC run nothing if one of the keys has changed by then."},
};
// clang-format on
static_assert(well_formed(kTransactionCommands));

}  // namespace

std::span<const Command> transaction_commands() { return kTransactionCommands; }

}  // namespace sojourn::server
