// WAIT and WAITAOF. There are no replicas yet, so nothing comes from any; what is asked of this
// server's own disk does.

#include <algorithm>
#include <memory>

#include "server/commands/blocked_requests.h"
#include "server/commands/call.h"
#include "server/commands/registry.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// How soon a request that waits is looked at although nobody woke it. Short enough that what is
// left of those that were woken before their time does not pile up in the worker's list.
constexpr Millis kLookEvery{10'000};
// The same while the disk has just said that it is full.
constexpr Millis kAskAgain{100};

Time timeout(Call& call, Args& args) {
  const std::int64_t ms = args.integer("ERR timeout is not an integer or out of range");
  if (ms < 0) args.fail("ERR timeout is negative");
  if (ms > unix_ms(kNever) - unix_ms(call.now)) args.fail("ERR timeout is out of range");
  return ms > 0 && !args.failed() ? call.now + Millis(ms) : kNever;
}

// The request waits, from now on or still; null when it shall answer with what is.
std::shared_ptr<BlockedRequest> blocked(Call& call, Time until) {
  ConnectionState& connection = call.connection;
  BlockedRequests& all = *call.services.blocked;
  if (!call.may_wait()) return nullptr;
  const auto request = connection.blocked
                           ? all.find(connection.id)
                           : all.add(connection.id, until, connection.hold_until, *call.wake);
  connection.blocked = true;
  if (request->until <= call.now) return nullptr;
  return request->ended == BlockedRequest::Ended::no ? request : nullptr;
}

void look_again(Call& call, const BlockedRequest& request, Millis after) {
  call.run_again_at(std::min(request.until, call.now + after));
}

// What waited answers. False if that is an error, which it is then told.
bool unblock(Call& call) {
  ConnectionState& connection = call.connection;
  if (!connection.blocked) return true;
  const auto request = call.services.blocked->find(connection.id);
  call.services.blocked->remove(connection.id);
  connection.blocked = false;
  if (request->ended != BlockedRequest::Ended::by_error) return true;
  call.refuse("UNBLOCKED client unblocked via CLIENT UNBLOCK");
  return false;
}

void wait(Call& call) {
  Args args = call.args();
  const std::int64_t replicas = args.integer();
  const Time until = timeout(call, args);
  if (!args.done()) return call.refuse(args.error());
  if (replicas > 0) {
    if (const auto request = blocked(call, until)) return look_again(call, *request, kLookEvery);
  }
  if (unblock(call)) call.reply.integer(0);
}

// --- WAITAOF ---

// Asks the journal for it, once; true while it may be expected.
bool ask_for_sync(Journal& journal, const std::shared_ptr<BlockedRequest>& request) {
  if (request->asked.exchange(true)) return true;
  journal.when_synced(request->position, [request](bool synced) {
    request->asked = false;
    if (synced) request->wake();
  });
  return request->asked;
}

// What this connection had written when it asked is safe from a power cut.
bool synced(const Call& call) {
  const Journal& journal = call.services.keyspace.journal();
  const ConnectionState& connection = call.connection;
  const JournalPosition position = connection.blocked
                                       ? call.services.blocked->find(connection.id)->position
                                       : connection.hold_until;
  return journal.enabled() && journal.synced() >= position;
}

void waitaof(Call& call) {
  Args args = call.args();
  const std::int64_t local =
      args.integer(0, 1, "ERR value is out of range, value must between 0 and 1");
  constexpr std::string_view kNegative = "ERR value is out of range, must be positive";
  const std::int64_t replicas = args.integer(kNegative);
  if (replicas < 0) args.fail(kNegative);
  const Time until = timeout(call, args);
  if (!args.done()) return call.refuse(args.error());
  Journal& journal = call.services.keyspace.journal();
  if (local > 0 && !journal.enabled()) {
    return call.refuse(
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  const bool safe = synced(call);
  if (replicas > 0 || (local > 0 && !safe)) {
    if (const auto request = blocked(call, until)) {
      const bool expected = safe || local == 0 || ask_for_sync(journal, request);
      return look_again(call, *request, expected ? kLookEvery : kAskAgain);
    }
  }
  if (!unblock(call)) return;
  call.reply.array(2);
  call.reply.integer(safe ? 1 : 0);
  call.reply.integer(0);
}

// clang-format off
constexpr Command kWaitCommands[] = {
    {.name = "wait", .arity = exactly(3), .flags = kBlocking | kConnection,
     .spread = {"all_shards", "agg_min"},
     .group = Group::generic, .run = wait, .since = "3.0.0", .complexity = "O(1)",
     .syntax = "numreplicas timeout",
     .summary = "Waits until replicas have what this connection has written; there are none."},
    {.name = "waitaof", .arity = exactly(4), .flags = kBlocking | kConnection,
     .group = Group::generic, .run = waitaof, .since = "7.2.0", .complexity = "O(1)",
     .syntax = "numlocal numreplicas timeout",
     .summary = "Waits until what this connection has written would survive a power cut."},
};
// clang-format on
static_assert(well_formed(kWaitCommands));

}  // namespace

std::span<const Command> wait_commands() { return kWaitCommands; }

}  // namespace sojourn::server
