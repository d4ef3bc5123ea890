#include "server/commands/generic.h"

#include <algorithm>

#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/help.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::hash:
      return "hash";
    case ValueType::set:
      return "set";
    case ValueType::sorted_set:
      return "zset";
    default:
      return "string";
  }
}

namespace {

void del(Call& call) {
  const auto deleted = std::count_if(call.keys().begin(), call.keys().end(), [&](const Key& key) {
    const bool erased = call.tx().erase(key);
    if (erased) call.event(KeyEventClass::generic, "del", key);
    return erased;
  });
  call.reply.integer(deleted);
}

void exists(Call& call) {
  const auto found = std::count_if(call.keys().begin(), call.keys().end(),
                                   [&](const Key& key) { return call.glance(key) != nullptr; });
  call.reply.integer(found);
}

void touch(Call& call) {
  // A use even to a connection whose reads are none.
  const auto touched = std::count_if(call.keys().begin(), call.keys().end(), [&](const Key& key) {
    return call.tx().find(key) != nullptr;
  });
  call.reply.integer(touched);
}

void type(Call& call) {
  const Entry* entry = call.glance(call.keys()[0]);
  call.reply.simple(entry != nullptr ? type_name(entry->type()) : "none");
}

struct RandomKeySoFar : Unfinished {
  std::uint64_t cursor = Keyspace::random_cursor();
  bool round_the_end = false;
};

// Where many sessions have just expired it can take long to meet one that has not.
void randomkey(Call& call) {
  constexpr int kStepsInATurn = 4;
  auto& so_far = call.so_far<RandomKeySoFar>();
  for (int step = 0; step < kStepsInATurn; ++step) {
    std::optional<std::string> name;
    if (!call.services.keyspace.random_key(call.connection.database, so_far.cursor, name,
                                           call.held())) {
      return call.next_turn();
    }
    if (name) return call.reply.bulk(*name);
    if (so_far.cursor == 0 && so_far.round_the_end) return call.reply.null();
    so_far.round_the_end = so_far.round_the_end || so_far.cursor == 0;
  }
  call.next_turn();
}

void dbsize(Call& call) {
  const auto size = call.services.keyspace.size(call.connection.database, call.held());
  if (!size) return call.run_again_at(call.now);
  call.reply.unsigned_integer(*size);
}

// ASYNC and SYNC mean the same here: all is gone at once, memory and disk are given back later.
bool flush_words(Call& call) {
  Args args = call.args();
  if (!args.option("ASYNC")) args.option("SYNC");
  if (args.done()) return true;
  call.refuse(args.error());
  return false;
}

void flushdb(Call& call) {
  if (!flush_words(call)) return;
  call.tx().flush(call.connection.database);
  call.reply.ok();
}

void flushall(Call& call) {
  if (!flush_words(call)) return;
  call.tx().flush_all();
  call.reply.ok();
}

constexpr std::string_view kExpireSyntax = "key seconds [NX | XX | GT | LT]@7.0.0";

// clang-format off
constexpr Command kObjectCommands[] = {
    {.name = "encoding", .arity = exactly(3), .flags = kReadOnly | kKeyspace | kTouchesRandomKeys,
     .keys = key_at(2, kRO), .run = object_encoding, .since = "2.2.3", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Names the form in which Redis would hold the value."},
    {.name = "freq", .arity = exactly(3),
     .flags = kReadOnly | kKeyspace | kTouchesRandomKeys | kKeysOnly,
     .keys = key_at(2, kRO), .run = object_freq, .since = "4.0.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Refused: how often a key is used is not counted."},
    {.name = "help", .arity = exactly(2), .flags = kKeyspace | kLoading | kStale, .run = help,
     .since = "6.2.0", .complexity = "O(1)", .syntax = "",
     .summary = "Lists the subcommands."},
    {.name = "idletime", .arity = exactly(3),
     .flags = kReadOnly | kKeyspace | kTouchesRandomKeys | kKeysOnly,
     .keys = key_at(2, kRO), .run = object_idletime, .since = "2.2.3", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns how many seconds ago a key was last used."},
    {.name = "refcount", .arity = exactly(3),
     .flags = kReadOnly | kKeyspace | kTouchesRandomKeys | kKeysOnly,
     .keys = key_at(2, kRO), .run = object_refcount, .since = "2.2.3", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns 1: values are never shared between keys."},
};
// clang-format on
static_assert(well_formed(kObjectCommands));

// clang-format off
constexpr Command kGenericCommands[] = {
    {.name = "del", .arity = at_least(2), .flags = kWrite | kKeyspace | kKeysOnly,
     .spread = {"multi_shard", "agg_sum"},
     .keys = all_keys(kRM | kDelete),
     .run = del, .since = "1.0.0", .complexity = "O(N) where N is the number of keys",
     .syntax = "key [key ...]",
     .summary = "Deletes keys and returns how many were there."},
    {.name = "unlink", .arity = at_least(2), .flags = kWrite | kFast | kKeyspace | kKeysOnly,
     .spread = {"multi_shard", "agg_sum"},
     .keys = all_keys(kRM | kDelete), .run = del, .since = "4.0.0",
     .complexity = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Deletes keys and returns how many were there; the same as DEL."},
    {.name = "exists", .arity = at_least(2), .flags = kReadOnly | kFast | kKeyspace | kKeysOnly,
     .spread = {"multi_shard", "agg_sum"},
     .keys = all_keys(kRO), .run = exists, .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Returns how many of the keys are there; one named twice counts twice."},
    {.name = "type", .arity = exactly(2), .flags = kReadOnly | kFast | kKeyspace | kKeysOnly,
     .keys = one_key(kRO), .run = type, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the type of what a key holds, or none."},
    {.name = "ttl", .arity = exactly(2),
     .flags = kReadOnly | kFast | kKeyspace | kTouchesRandomKeys | kKeysOnly,
     .keys = one_key(kRO | kAccess), .run = ttl, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the seconds left to a key: -1 without a deadline, -2 without the key."},
    {.name = "pttl", .arity = exactly(2),
     .flags = kReadOnly | kFast | kKeyspace | kTouchesRandomKeys | kKeysOnly,
     .keys = one_key(kRO | kAccess), .run = pttl, .since = "2.6.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the milliseconds a key has left: -1 without deadline, -2 without key."},
    {.name = "expire", .arity = at_least(3), .flags = kWrite | kFast | kKeyspace | kKeysOnly | kMovesDeadlines,
     .keys = one_key(kRW | kUpdate), .run = expire, .since = "1.0.0", .complexity = "O(1)",
     .syntax = kExpireSyntax,
     .summary = "Ends a key after a number of seconds; deletes it if there are none left."},
    {.name = "pexpire", .arity = at_least(3), .flags = kWrite | kFast | kKeyspace | kKeysOnly | kMovesDeadlines,
     .keys = one_key(kRW | kUpdate), .run = pexpire, .since = "2.6.0", .complexity = "O(1)",
     .syntax = "key milliseconds [NX | XX | GT | LT]@7.0.0",
     .summary = "Ends a key after a number of milliseconds; deletes it if there are none left."},
    {.name = "expireat", .arity = at_least(3), .flags = kWrite | kFast | kKeyspace | kKeysOnly | kMovesDeadlines,
     .keys = one_key(kRW | kUpdate), .run = expireat, .since = "1.2.0", .complexity = "O(1)",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]@7.0.0",
     .summary = "Ends a key at a time given in seconds; deletes it if that has passed."},
    {.name = "pexpireat", .arity = at_least(3), .flags = kWrite | kFast | kKeyspace | kKeysOnly | kMovesDeadlines,
     .keys = one_key(kRW | kUpdate), .run = pexpireat, .since = "2.6.0", .complexity = "O(1)",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]@7.0.0",
     .summary = "Ends a key at a time given in milliseconds; deletes it if that has passed."},
    {.name = "expiretime", .arity = exactly(2), .flags = kReadOnly | kFast | kKeyspace | kKeysOnly,
     .keys = one_key(kRO | kAccess), .run = expiretime, .since = "7.0.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns when a key ends, in seconds since 1970: -1 without a deadline, -2 "
                "without the key."},
    {.name = "pexpiretime", .arity = exactly(2), .flags = kReadOnly | kFast | kKeyspace | kKeysOnly,
     .keys = one_key(kRO | kAccess), .run = pexpiretime, .since = "7.0.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns when a key ends, in milliseconds since 1970: -1 without a deadline, -2 "
                "without the key."},
    {.name = "persist", .arity = exactly(2), .flags = kWrite | kFast | kKeyspace | kKeysOnly | kMovesDeadlines,
     .keys = one_key(kRW | kUpdate), .run = persist, .since = "2.2.0", .complexity = "O(1)",
     .syntax = "key",
     .summary = "Takes the deadline off a key."},
    {.name = "touch", .arity = at_least(2), .flags = kReadOnly | kFast | kKeyspace | kKeysOnly,
     .spread = {"multi_shard", "agg_sum"},
     .keys = all_keys(kRO), .run = touch, .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys", .syntax = "key [key ...]",
     .summary = "Counts as a use of keys and returns how many were there; deadlines stay."},
    {.name = "rename", .arity = exactly(3), .flags = kWrite | kKeyspace,
     .keys = two_keys(kRW | kAccess | kDelete, kOW | kUpdate), .run = rename, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key newkey",
     .summary = "Gives a key another name; what had that name is gone."},
    {.name = "renamenx", .arity = exactly(3), .flags = kWrite | kFast | kKeyspace,
     .keys = two_keys(kRW | kAccess | kDelete, kOW | kInsert), .run = renamenx, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "key newkey",
     .summary = "Gives a key another name unless that is taken."},
    // COPY and MOVE look into another database, of which nothing is resolved beforehand while the
    // server warms up: so they wait.
    {.name = "copy", .arity = at_least(3), .flags = kWrite | kDenyOom | kKeyspace | kWholeKeyspace,
     .keys = two_keys(kRO | kAccess, kOW | kUpdate), .run = copy, .since = "6.2.0",
     .complexity = "O(N) where N is the size of the value",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies what a key holds, and its deadline, to another key."},
    {.name = "move", .arity = exactly(3), .flags = kWrite | kFast | kKeyspace | kWholeKeyspace,
     .keys = one_key(kRW | kAccess | kUpdate), .run = move, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "key db",
     .summary = "Moves a key to another database unless it is there already."},
    {.name = "swapdb", .arity = exactly(3), .flags = kWrite | kFast | kKeyspace | kDangerous | kAllShards | kGrows,
     .group = Group::server, .run = swapdb, .since = "4.0.0", .complexity = "O(1)",
     .syntax = "index1 index2",
     .summary = "Exchanges two databases, at once for every connection."},
    {.name = "randomkey", .arity = exactly(1),
     .flags = kReadOnly | kKeyspace | kWholeKeyspace | kTouchesRandomKeys | kAllShards,
     .spread = {"all_shards"}, .run = randomkey,
     .since = "1.0.0", .complexity = "O(1)", .syntax = "",
     .summary = "Returns the name of some key of the database."},
    {.name = "dbsize", .arity = exactly(1),
     .flags = kReadOnly | kFast | kKeyspace | kWholeKeyspace | kAllShards,
     .spread = {"all_shards", "agg_sum"}, .group = Group::server, .run = dbsize, .since = "1.0.0",
     .complexity = "O(1)", .syntax = "",
     .summary = "Returns how many keys the database has."},
    {.name = "keys", .arity = exactly(2),
     .flags = kReadOnly | kKeyspace | kDangerous | kWholeKeyspace | kAllShards | kUnordered,
     .spread = {"all_shards"}, .run = keys, .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys in the database", .syntax = "pattern",
     .summary = "Returns the names of all keys that fit a pattern."},
    {.name = "scan", .arity = at_least(2),
     .flags = kReadOnly | kKeyspace | kWholeKeyspace | kTouchesRandomKeys | kAllShards,
     .spread = {"special"}, .run = scan,
     .since = "2.8.0", .complexity = "O(1) a call, O(N) for all N keys",
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]@6.0.0",
     .summary = "Walks through the names of the database's keys, some at each call."},
    {.name = "flushdb", .arity = at_least(1), .flags = kWrite | kKeyspace | kDangerous | kAllShards | kGrows,
     .spread = {"all_shards", "all_succeeded"},
     .group = Group::server, .run = flushdb, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "[ASYNC@4.0.0 | SYNC@6.2.0]",
     .summary = "Deletes all keys of the database."},
    {.name = "flushall", .arity = at_least(1), .flags = kWrite | kKeyspace | kDangerous | kAllShards | kGrows,
     .spread = {"all_shards", "all_succeeded"},
     .group = Group::server, .run = flushall, .since = "1.0.0", .complexity = "O(1)",
     .syntax = "[ASYNC@4.0.0 | SYNC@6.2.0]",
     .summary = "Deletes all keys of all databases."},
    {.name = "object", .arity = at_least(2), .since = "2.2.3",
     .complexity = "Depends on the subcommand", .syntax = "",
     .summary = "Tells what the server knows of one key.", .subcommands = kObjectCommands},
};
// clang-format on
static_assert(well_formed(kGenericCommands));

}  // namespace

std::span<const Command> generic_commands() { return kGenericCommands; }

}  // namespace sojourn::server
