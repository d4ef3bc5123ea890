#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "server/commands/awaited_call.h"
#include "server/commands/debug.h"
#include "server/commands/errors.h"
#include "server/commands/generic.h"
#include "server/commands/help.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// As in Redis's DEBUG, what is no number counts as 0.
double real_of(std::string_view word) { return std::strtod(std::string(word).c_str(), nullptr); }
long integer_of(std::string_view word) {
  constexpr int kDecimal = 10;
  return std::strtol(std::string(word).c_str(), nullptr, kDecimal);
}

// Redis sleeps with all its clients; here only this connection waits.
void sleep(Call& call) {
  Time& until = call.connection.slept_until;
  if (until == Time{}) {
    constexpr double kSecondsMax = 24 * 60 * 60;
    const double given = real_of(call.words()[2]);
    const double seconds = given > 0 ? std::min(given, kSecondsMax) : 0;
    until = call.now + Millis(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
  }
  if (call.now < until) return call.run_again_at(until);
  until = Time{};
  call.reply.ok();
}

void set_active_expire(Call& call) {
  call.services.keyspace.set_active_expiry(integer_of(call.words()[2]) != 0);
  call.reply.ok();
}

void ok(Call& call) { call.reply.ok(); }

void error(Call& call) { call.reply.error(call.words()[2]); }

void log(Call& call) {
  call.services.log.warning("DEBUG LOG: {}", call.words()[2]);
  call.reply.ok();
}

void reload(Call& call) {
  const bool synced = await(call, [&] {
    auto awaited = std::make_shared<Awaited>();
    Journal& journal = call.services.keyspace.journal();
    journal.when_synced(journal.appended(), [awaited](bool ok) {
      if (!ok) awaited->error = "ERR Error trying to load the dataset, check server logs";
      awaited->done.store(true, std::memory_order_release);
    });
    return awaited;
  });
  if (synced) call.reply.ok();
}

struct SpiltSoFar : Unfinished {
  std::size_t shard = 0;
};

void spill(Call& call) {
  auto& so_far = call.so_far<SpiltSoFar>();
  so_far.shard = call.services.keyspace.spill_all(so_far.shard);
  if (so_far.shard != Keyspace::kNoShard) return call.next_turn();
  call.reply.ok();
}

// The key is no key of the row: DEBUG is nobody's to give key permissions for.
void object(Call& call) {
  Keyspace& keyspace = call.services.keyspace;
  constexpr Millis kStep{10};
  if (!keyspace.warm()) return call.run_again_at(call.now + kStep);
  const std::array keys{keyspace.key(call.connection.database, call.words()[2])};
  std::optional<Transaction> own;
  if (call.held() == nullptr) own.emplace(keyspace, keys, call.now);
  if (own && !own->began()) return call.run_again_at(call.now + kStep);
  Transaction& transaction = own ? *own : *call.held();
  const Entry* entry = transaction.peek(keys[0]);
  if (entry == nullptr) return call.refuse("ERR no such key");
  const auto unreadable =
      keyspace.with_value(*entry, keys[0].database, [&](const Entry& with_value) {
        call.reply.simple(fmt::format(
            "Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} "
            "lru_seconds_idle:{}",
            static_cast<const void*>(entry), encoding_name(with_value),
            keyspace.entry_bytes_of(*entry), entry->version(), entry->idle(call.now).count()));
      });
  if (unreadable) call.refuse(kUnreadable);
}

constexpr Flags kDebugging = kAdmin | kNoScript | kLoading | kStale | kDebug;
constexpr Flags kOfDataset = kDebugging | kWholeKeyspace | kAllShards;

// clang-format off
constexpr Command kDebugCommands[] = {
    {.name = "change-repl-id", .arity = exactly(2), .flags = kDebugging, .group = Group::server,
     .run = ok, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Does nothing: there are no replicas."},
    {.name = "digest", .arity = exactly(2), .flags = kOfDataset, .group = Group::server,
     .run = debug_digest, .since = "1.0.0", .complexity = "O(N) where N is the size of the data",
     .summary = "Returns a digest of all data, the same as Redis's of the same data."},
    {.name = "digest-value", .arity = at_least(2), .flags = kOfDataset | kSecretWords,
     .group = Group::server, .run = debug_digest_value, .since = "1.0.0",
     .complexity = "O(N) where N is the size of the values", .syntax = "[key [key ...]]",
     .summary = "Returns a digest of what each key holds."},
    {.name = "error", .arity = exactly(3), .flags = kDebugging, .group = Group::server,
     .run = error, .since = "1.0.0", .complexity = "O(1)", .syntax = "message",
     .summary = "Replies with this error."},
    {.name = "help", .arity = exactly(2), .flags = kDebugging, .group = Group::server, .run = help,
     .since = "1.0.0", .complexity = "O(1)", .summary = "Lists the subcommands of DEBUG."},
    {.name = "jmap", .arity = exactly(2), .flags = kDebugging, .group = Group::server, .run = ok,
     .since = "1.0.0", .complexity = "O(1)", .summary = "Does nothing; test harnesses call it."},
    {.name = "loadaof", .arity = exactly(2), .flags = kDebugging | kWaits, .group = Group::server,
     .run = reload, .since = "1.0.0", .complexity = "O(1)", .summary = "As RELOAD."},
    {.name = "log", .arity = exactly(3), .flags = kDebugging, .group = Group::server, .run = log,
     .since = "1.0.0", .complexity = "O(1)", .syntax = "message",
     .summary = "Writes a line into the server's log."},
    {.name = "object", .arity = at_least(3), .flags = kDebugging | kSecretWords | kAllShards,
     .group = Group::server, .run = object, .since = "1.0.0", .complexity = "O(1)", .syntax = "key",
     .summary = "Shows how a key is kept in RAM."},
    {.name = "populate", .arity = at_least(3), .flags = kOfDataset | kWrite | kDenyOom,
     .group = Group::server, .run = debug_populate, .since = "1.0.0",
     .complexity = "O(N) where N is how many keys are made", .syntax = "count [prefix [size]]",
     .summary = "Makes strings, where no key of that name is."},
    {.name = "protocol", .arity = exactly(3), .flags = kDebugging, .group = Group::server,
     .run = debug_protocol, .since = "1.0.0", .complexity = "O(1)", .syntax = "type",
     .summary = "Replies with a sample of this type."},
    {.name = "reload", .arity = at_least(2), .flags = kDebugging | kWaits, .group = Group::server,
     .run = reload, .since = "1.0.0", .complexity = "O(1)", .syntax = "[option [option ...]]",
     .summary = "Waits until all that was changed is on disk; what is in RAM stays there."},
    {.name = "set-active-expire", .arity = exactly(3), .flags = kDebugging, .group = Group::server,
     .run = set_active_expire, .since = "1.0.0", .complexity = "O(1)", .syntax = "0 | 1",
     .summary = "Stops or resumes the removal of expired keys that nobody asks for."},
    {.name = "sleep", .arity = exactly(3), .flags = kDebugging | kWaits, .group = Group::server,
     .run = sleep, .since = "1.0.0", .complexity = "O(1)", .syntax = "decimal-seconds",
     .summary = "Answers later; other connections are served meanwhile."},
    {.name = "spill", .arity = exactly(2), .flags = kDebugging | kNoMulti, .group = Group::server,
     .run = spill, .since = "0.1", .complexity = "O(N) where N is the number of keys",
     .summary = "Has all values leave RAM that can, whatever maxmemory says."},
};
// clang-format on
constexpr Command kDebugFamily[] = {
    {.name = "debug",
     .arity = at_least(2),
     .flags = kDebugging,
     .group = Group::server,
     .since = "1.0.0",
     .summary = "Contains commands for tests, off by default.",
     .subcommands = kDebugCommands},
};
static_assert(well_formed(kDebugFamily));

}  // namespace

std::span<const Command> debug_commands() { return kDebugFamily; }

}  // namespace sojourn::server
