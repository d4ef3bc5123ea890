// What the dispatcher does for connections that have said MULTI or WATCH: it queues their requests,
// and EXEC runs them as one.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "server/base/check.h"
#include "server/commands/call.h"
#include "server/commands/dispatcher.h"
#include "server/commands/key_words.h"
#include "server/commands/permissions.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

constexpr std::string_view kNotAllowed = "ERR Command not allowed inside a transaction";

constexpr std::string_view kNotPermittedAnyMore =
    "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC "
    "call. This command is no longer allowed for the following reason: ";
// By AclLog::Reason.
constexpr std::array<std::string_view, 3> kWhyNotPermitted{
    "no permission to execute the command or subcommand",
    "no permission to touch the specified keys",
    "no permission to access one of the channels used as arguments to the command"};

bool has(const Request& request, Flags flags) {
  return request.command != nullptr && (request.command->flags & flags) != 0;
}

// What the gates ask of an EXEC. While the server warms up, keys are read from disk before it: of
// the database that is selected now.
std::uint64_t flags_of_queue(const Multi& multi) {
  std::uint64_t flags = 0;
  for (const Flags flag : {kWrite, kDenyOom, kPublishes}) {
    if (multi.any(flag)) flags |= flag;
  }
  if (multi.any(kAllShards | kWholeKeyspace | kSelects)) flags |= kWholeKeyspace;
  return flags;
}

}  // namespace

Dispatcher::Outcome Dispatcher::run_in_multi(Request& request) {
  Multi& multi = *request.connection.multi;
  if (!multi.open()) {
    const Outcome outcome = run_if_admitted(request, admit(request));
    bound_multi(request);
    return outcome;
  }
  const bool exec = has(request, kRunsQueue);
  request.queueing = !has(request, kNotQueued);
  // A queue may grow without end, whatever is queued.
  const std::uint64_t more_flags =
      exec ? flags_of_queue(multi) : (request.queueing ? std::uint64_t{kDenyOom} : 0);
  const Verdict verdict = admit(request, more_flags);
  if (verdict == Verdict::refuse && request.connection.multi) multi.spoil();
  if (verdict != Verdict::pass) return run_if_admitted(request, verdict);
  if (request.queueing) return queue(request);
  return exec ? this->exec(request) : run_if_admitted(request, verdict);
}

// What is queued counts as a command when it runs.
Dispatcher::Outcome Dispatcher::queue(Request& request) {
  Multi& multi = *request.connection.multi;
  request.connection.last_command = request.command;
  if (has(request, kNoMulti | kWaits)) {
    request.rejected = true;
    multi.spoil();
    request.reply.error(kNotAllowed);
    return end_request(request);
  }
  multi.queue(*request.command, request.words);
  request.reply.simple("QUEUED");
  bound_multi(request);
  end_reply(request);
  return Outcome::done;
}

// What is queued and watched is bounded like a request that does not end.
void Dispatcher::bound_multi(Request& request) {
  ConnectionState& connection = request.connection;
  if (connection.multi.bytes() <= request.settings.client_query_buffer_limit) return;
  WorkerMetrics::add(metrics_.query_limit_disconnections);
  services_.log.warning("{} queued or watches more than client-query-buffer-limit allows: closed",
                        connection.peer_address);
  connection.multi.reset();
  connection.close_after_reply = true;
  request.reply.out().resize(request.reply_begin);
  request.reply.error("ERR Protocol error: request too large");
}

// The error that was to be the reply is why.
void Dispatcher::abort_exec(Request& request) {
  request.connection.multi.reset();
  std::string& out = request.reply.out();
  std::string why = out.substr(request.reply_begin + 1);
  out.resize(request.reply_begin);
  why.resize(why.find('\r'));
  if (why.starts_with("ERR ")) why.erase(0, 4);
  request.reply.error("EXECABORT Transaction discarded because of: " + why);
}

Dispatcher::Outcome Dispatcher::exec(Request& request) {
  ConnectionState& connection = request.connection;
  Multi& multi = *connection.multi;
  Keyspace& keyspace = services_.keyspace;
  connection.last_command = request.command;
  const std::int64_t begun_us = timer_us_;
  if (multi.spoilt()) {
    request.reply.error("EXECABORT Transaction discarded because of previous errors.");
    connection.multi.reset();
    return end_request(request);
  }
  keys_.clear();
  multi.append_watched(keys_);
  for (const QueuedRequest& queued : multi.queued()) {
    for_each_key(queued.command(), queued.words(), [&](std::string_view name, KeyUse) {
      keys_.push_back(keyspace.key(connection.database, name));
    });
  }
  if (!keyspace.settled() || connection.awaited != nullptr) [[unlikely]] {
    if (const Outcome outcome = wait_for_keys(request); outcome != Outcome::done) return outcome;
    if (request.reply.out().size() != request.reply_begin) {  // could not be read
      abort_exec(request);
      return end_request(request);
    }
  }
  if (multi.any(kAllShards)) {
    Transaction transaction(keyspace, Transaction::AllShards(), request.now);
    exec_within(request, transaction);
  } else {
    if (keys_.size() > 1) keyspace.prefetch(keys_);
    Transaction transaction(keyspace, keys_, request.now);
    exec_within(request, transaction);
  }
  connection.multi.reset();
  timer_us_ = begun_us;  // all that it ran is its own time, too
  return end_request(request);
}

void Dispatcher::exec_within(Request& request, Transaction& transaction) {
  ConnectionState& connection = request.connection;
  Multi& multi = *connection.multi;
  if (multi.changed(transaction)) return request.reply.null_array();
  multi.unwatch();
  // Who subscribes gets at once what was published to it before: not in the midst of this reply.
  std::string apart;
  protocol::ReplyWriter reply_apart(apart, connection.version);
  protocol::ReplyWriter& reply = multi.any(kPushes) ? reply_apart : request.reply;
  reply.array(multi.queued().size());
  for (const QueuedRequest& queued : multi.queued()) {
    Request part{.services = request.services,
                 .settings = request.settings,
                 .connection = connection,
                 .words = queued.words(),
                 .reply = reply,
                 .now = request.now,
                 .wake = request.wake,
                 .command = &queued.command()};
    if (still_permitted(part)) {
      run_within(part, transaction);
    } else {
      account(part);
    }
    if (has(part, kConnection | kPushes | kChangesConnection)) connection.shown_changed = true;
  }
  request.reply.out() += apart;
  const JournalPosition position = transaction.finish();
  connection.hold_until = std::max(connection.hold_until, position);
}

// Permissions may have changed since it was queued, or by what ran before it.
bool Dispatcher::still_permitted(Request& part) {
  ConnectionState& connection = part.connection;
  const std::uint64_t generation = services_.config.generation();
  if (connection.unrestricted_in == generation) [[likely]]
    return true;
  std::string_view why = "no permission";
  if (!follow_user(services_, connection, generation)) {
    connection.close_after_reply = true;
  } else if (connection.user->unrestricted()) {
    return true;
  } else {
    const auto denial = denial_of(*connection.user, *part.command, part.words);
    if (!denial) return true;
    log_denial(services_, connection, *denial, *part.command, part.words, AclLog::Context::multi,
               part.now);
    why = kWhyNotPermitted[static_cast<std::size_t>(denial->reason)];
  }
  part.rejected = true;
  part.reply.error(std::string(kNotPermittedAnyMore).append(why));
  return false;
}

// Runs one of several commands that are one, to its end. The transaction holds its keys, or, if it
// has kAllShards, all shards.
void Dispatcher::run_within(Request& request, Transaction& transaction) {
  ConnectionState& connection = request.connection;
  queued_keys_.clear();
  for_each_key(*request.command, request.words, [&](std::string_view name, KeyUse) {
    queued_keys_.push_back(services_.keyspace.key(connection.database, name));
  });
  bool goes_on;
  do {
    Call call(services_, connection, request.reply, *request.command, request.words, &transaction,
              queued_keys_, request.now);
    request.command->run(call);
    CHECK(!call.again_at());  // kWaits
    goes_on = call.goes_on();
    if (connection.tracking && !goes_on) track(request, queued_keys_, transaction);
    transaction.next_command();
  } while (goes_on);
  connection.unfinished.request.reset();
  account(request);
}

}  // namespace sojourn::server
