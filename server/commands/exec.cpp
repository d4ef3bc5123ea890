// What the dispatcher does for connections that have said MULTI or WATCH: it queues their requests,
// and EXEC runs them as one.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "server/base/check.h"
#include "server/commands/call.h"
#include "server/commands/dispatcher.h"
#include "server/commands/errors.h"
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
  if (multi.any(kAllShards | kWholeKeyspace | kSelects | kGrows)) flags |= kWholeKeyspace;
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
  connection.last_command = request.command;
  std::unique_ptr<Unfinished>& unfinished = connection.unfinished.request;
  std::int64_t begun_us = timer_us_;
  const Outcome outcome = unfinished != nullptr ? go_on_with_exec(request) : begin_exec(request);
  if (outcome != Outcome::done) return outcome;
  if (unfinished != nullptr) begun_us -= unfinished->worked_us;
  unfinished.reset();
  connection.multi.reset();
  timer_us_ = begun_us;  // all that it ran is its own time, too
  return end_request(request);
}

Dispatcher::Outcome Dispatcher::begin_exec(Request& request) {
  ConnectionState& connection = request.connection;
  Multi& multi = *connection.multi;
  Keyspace& keyspace = services_.keyspace;
  if (multi.spoilt()) {
    request.reply.error("EXECABORT Transaction discarded because of previous errors.");
    return Outcome::done;
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
      if (!request.rejected) abort_exec(request);
      return Outcome::done;
    }
  }
  return multi.any(kAllShards | kGrows) ? exec_growing(request) : exec_at_once(request);
}

Dispatcher::Outcome Dispatcher::exec_at_once(Request& request) {
  Multi& multi = *request.connection.multi;
  if (keys_.size() > 1) services_.keyspace.prefetch(keys_);
  Transaction transaction(services_.keyspace, keys_, request.now);
  if (!transaction.began()) [[unlikely]]
    return wait_or_refuse(request);
  if (multi.changed(transaction)) {
    request.reply.null_array();
    return Outcome::done;
  }
  if (services_.keyspace.any_away() && queue_lacks_values(request, transaction)) [[unlikely]] {
    transaction.finish();
    return exec_with_values(request);
  }
  multi.unwatch();
  // Who subscribes gets at once what was published to it before: not in the midst of this reply.
  std::string apart;
  protocol::ReplyWriter reply_apart(apart, request.connection.version);
  protocol::ReplyWriter& reply = multi.any(kPushes) ? reply_apart : request.reply;
  reply.array(multi.queued().size());
  for (const QueuedRequest& queued : multi.queued())
    run_queued(request, queued, reply, transaction);
  request.reply.out() += apart;
  const JournalPosition position = transaction.finish();
  request.connection.hold_until = std::max(request.connection.hold_until, position);
  return Outcome::done;
}

// Where databases may change within it, keys of any of them may be meant.
bool Dispatcher::queue_lacks_values(Request& request, Transaction& transaction) {
  const Multi& multi = *request.connection.multi;
  const bool everywhere = multi.any(kSelects | kAllShards);
  value_keys_.clear();
  for (const QueuedRequest& queued : multi.queued()) {
    const Need need = need_of(queued.command(), queued.words());
    if (need == Need::key) continue;
    const auto add = [&](const Key& key) {
      if (transaction.lacks({&key, 1}, need)) value_keys_.push_back(key);
    };
    for_each_key(queued.command(), queued.words(), [&](std::string_view name, KeyUse) {
      Key key = services_.keyspace.key(request.connection.database, name);
      if (!everywhere) return add(key);
      for (key.database = 0; key.database < services_.keyspace.databases(); ++key.database) {
        add(key);
      }
    });
  }
  return !value_keys_.empty();
}

// All that it needs is read before it begins anew.
Dispatcher::Outcome Dispatcher::exec_with_values(Request& request) {
  const Outcome outcome = wait_for_values(request, value_keys_);
  return outcome == Outcome::done && !request.replied() ? begin_exec(request) : outcome;
}

// One that holds everything, or has scripts in it.
Dispatcher::Outcome Dispatcher::exec_growing(Request& request) {
  OwnMulti& multi = request.connection.multi;
  if (growing_) return wait_or_refuse(request);  // a script of this worker was set aside
  growing_.emplace(services_.keyspace, Transaction::Growing(), keys_, request.now);
  if (!growing_->began()) {
    growing_.reset();
    return wait_or_refuse(request);
  }
  if (multi->any(kAllShards)) growing_->hold_all();
  if (multi->changed(*growing_)) {
    growing_.reset();
    request.reply.null_array();
    return Outcome::done;
  }
  if (services_.keyspace.any_away() && queue_lacks_values(request, *growing_)) [[unlikely]] {
    growing_.reset();
    return exec_with_values(request);
  }
  multi->unwatch();
  // The connection is left the figures of it, and may go before it ends.
  exec_ = std::make_unique<GrowingExec>(std::exchange(multi, OwnMulti(multi)),
                                        request.connection.version);
  exec_->reply.array(exec_->multi->queued().size());
  return go_on_with_exec(request);
}

// Until a script in it is set aside.
Dispatcher::Outcome Dispatcher::go_on_with_exec(Request& request) {
  ConnectionState& connection = request.connection;
  const std::int64_t begun_us = timer_us_;
  const std::span<const QueuedRequest> queued = exec_->multi->queued();
  for (; exec_->next < queued.size() && !growing_->forgotten(); ++exec_->next) {
    if (run_queued(request, queued[exec_->next], exec_->reply, *growing_)) continue;
    set_aside(connection).worked_us += timer_us_ - begun_us;
    return Outcome::next_turn;
  }
  if (growing_->forgotten()) {
    request.reply.error(kStopping);  // nothing of it is kept, so nothing may be acknowledged
  } else {
    request.reply.out() += exec_->replies;
    connection.hold_until = std::max(connection.hold_until, growing_->finish());
  }
  growing_.reset();
  exec_.reset();
  return Outcome::done;
}

// False when it was set aside.
bool Dispatcher::run_queued(Request& exec, const QueuedRequest& queued,
                            protocol::ReplyWriter& reply, Transaction& transaction) {
  Request part{.services = exec.services,
               .settings = exec.settings,
               .connection = exec.connection,
               .words = queued.words(),
               .reply = reply,
               .now = transaction.now(),
               .wake = exec.wake,
               .command = &queued.command()};
  if ((exec_ != nullptr && exec_->part != nullptr) || still_permitted(part)) {
    if (!run_within(part, transaction)) return false;
  } else {
    account(part);
  }
  if (has(part, kConnection | kPushes | kChangesConnection)) {
    exec.connection.shown_changed = true;
  }
  return true;
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

bool Dispatcher::run_within(Request& request, Transaction& transaction) {
  ConnectionState& connection = request.connection;
  queued_keys_.clear();
  for_each_key(*request.command, request.words, [&](std::string_view name, KeyUse) {
    queued_keys_.push_back(services_.keyspace.key(connection.database, name));
  });
  return run_held(request, transaction, queued_keys_);
}

bool Dispatcher::run_held(Request& request, Transaction& transaction, std::span<const Key> keys) {
  std::unique_ptr<Unfinished>& unfinished = request.connection.unfinished.request;
  std::int64_t begun_us = timer_us_;
  // What a script, or the EXEC, has got to is not what its commands have.
  const bool of_exec = exec_ != nullptr && !request.within_script;
  auto of_caller =
      std::exchange(unfinished, of_exec ? std::move(exec_->part) : std::unique_ptr<Unfinished>());
  bool goes_on = false;
  bool is_script;
  do {
    // Its second step: what it takes may be long, and nobody shall sleep on a lock for it.
    if (goes_on && transaction.grows()) transaction.say_it_will_be_long();
    Call call(services_, request.connection, request.reply, *request.command, request.words,
              &transaction, keys, request.now);
    call.run_commands_by(*this, Call::Alone::no);
    request.command->run(call);
    CHECK(!call.again_at());  // kWaits
    goes_on = call.goes_on();
    is_script = unfinished != nullptr && unfinished->runs_script();
    // Of what a script was given only what it reads is tracked.
    const bool reads_itself = (request.command->flags & kGrows) == 0;
    if (request.connection.tracking && reads_itself && !goes_on) track(request, keys, transaction);
    transaction.next_command();
  } while (goes_on && !is_script);
  auto part = std::exchange(unfinished, std::move(of_caller));
  if (goes_on) {
    restart_timer();
    part->worked_us += timer_us_ - begun_us;
    exec_->part = std::move(part);
    return false;
  }
  if (is_script) begun_us -= part->worked_us;
  timer_us_ = begun_us;  // all that it ran is its own time, too
  account(request);
  return true;
}

}  // namespace sojourn::server
