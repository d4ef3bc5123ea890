// What the dispatcher does for commands that take more than the keys they name: scripts above all.

#include <fmt/format.h>

#include <utility>

#include "server/base/check.h"
#include "server/commands/call.h"
#include "server/commands/connection_end.h"
#include "server/commands/dispatcher.h"
#include "server/commands/errors.h"
#include "server/commands/key_words.h"
#include "server/commands/monitor.h"
#include "server/commands/services.h"

namespace sojourn::server {

// A script, or the EXEC it is in, that goes on in the next turn, for as long as its connection is
// there.
class Dispatcher::SetAside : public Unfinished {
 public:
  SetAside(Dispatcher& dispatcher, const ConnectionState& caller)
      : dispatcher_(dispatcher), heir_(caller) {}
  ~SetAside() override { dispatcher_.lose_caller(std::move(heir_)); }
  bool runs_script() const override { return true; }
  std::size_t bytes() const override {
    return dispatcher_.exec_ != nullptr ? dispatcher_.exec_->replies.size() : 0;
  }
  // What of its caller changes while it runs, as it is by now.
  void note(const ConnectionState& caller) {
    heir_.database = caller.database;
    heir_.user = caller.user;
    heir_.user_seen_in = caller.user_seen_in;
    heir_.unrestricted_in = caller.unrestricted_in;
    heir_.authenticated = caller.authenticated;
  }

 private:
  Dispatcher& dispatcher_;
  ConnectionState heir_;  // as much of the caller as is needed without him
};

// The script alone, within an EXEC.
class Dispatcher::PartSetAside : public Unfinished {
 public:
  bool runs_script() const override { return true; }
};

Unfinished& Dispatcher::set_aside(ConnectionState& caller) {
  std::unique_ptr<Unfinished>& request = caller.unfinished.request;
  if (request == nullptr) request = std::make_unique<SetAside>(*this, caller);
  static_cast<SetAside&>(*request).note(caller);
  return *request;
}

// Somebody holds for long what the request needs, and nothing has been done. He is waited for, but
// not by the worker; or, after a while, everybody is told.
Dispatcher::Outcome Dispatcher::wait_or_refuse(Request& request) {
  const Scripts& scripts = *services_.scripts;
  const auto refused = [&] { return scripts.runs_long() || scripts.stopping(); };
  if (!refused()) {
    services_.keyspace.when_let_go(request.wake);
    // Those who wait are told when that changes: it may have done so just before.
    if (!refused()) return Outcome::wait_wakeup;
  }
  request.reply.error(kBusy);
  turn_away(request);
  return Outcome::done;
}

Dispatcher::Outcome Dispatcher::run_growing(Request& request) {
  const bool goes_on = request.connection.unfinished.request != nullptr;
  const std::int64_t begun_us = timer_us_;
  if (!goes_on) {
    if (growing_) return wait_or_refuse(request);  // a script of this worker was set aside
    keys_.clear();
    for_each_key(*request.command, request.words, [&](std::string_view name, KeyUse) {
      keys_.push_back(services_.keyspace.key(request.connection.database, name));
    });
    if (!services_.keyspace.settled() || request.connection.awaited != nullptr) [[unlikely]] {
      if (const Outcome outcome = wait_for_keys(request); outcome != Outcome::done) return outcome;
      if (request.reply.out().size() != request.reply_begin) return Outcome::done;
    }
    growing_.emplace(services_.keyspace, Transaction::Growing(), keys_, request.now);
    if (!growing_->began()) {
      growing_.reset();
      return wait_or_refuse(request);
    }
    if (services_.keyspace.any_away() && lacks_values(request, *growing_)) [[unlikely]] {
      growing_.reset();
      const Outcome outcome = wait_for_values(request, keys_);
      return outcome == Outcome::done && !request.replied() ? run_growing(request) : outcome;
    }
    if ((request.command->flags & kAllShards) != 0) growing_->hold_all();
    script_reads_ = request.reads;
  }
  Call call(services_, request.connection, request.reply, *request.command, request.words,
            &*growing_, keys_, request.now);
  call.run_commands_by(*this, Call::Alone::yes);
  request.command->run(call);
  timer_us_ = begun_us;  // all that it ran is its own time, too
  if (!call.goes_on()) {
    call.hold_until(growing_->finish());
    growing_.reset();
  }
  if (script_calls_ && script_calls_->missing() != ScriptCalls::Missing::nothing) [[unlikely]] {
    return wait_for_missing(request);
  }
  if (call.again_at()) {  // CLIENT PAUSE, or no room; nothing was done, and that time is not its own
    again_at_ = *call.again_at();
    return Outcome::wait_until;
  }
  return finish_call(request, call);
}

// The script has done nothing and is run again from its start when it will find what it missed.
Dispatcher::Outcome Dispatcher::wait_for_missing(Request& request) {
  const bool all = script_calls_->missing() == ScriptCalls::Missing::all;
  const std::string name(script_calls_->missing_key().name);
  const std::uint16_t database = script_calls_->missing_key().database;
  // First, for the request may be refused from here on: it has not begun.
  script_calls_.reset();
  request.connection.unfinished.request.reset();
  Outcome outcome = Outcome::wait_wakeup;
  if (all) {
    services_.keyspace.when_warm(request.wake);
  } else {
    keys_.assign(1, services_.keyspace.key(database, name));
    outcome = wait_for_keys(request);
    if (outcome == Outcome::done && !request.replied()) {
      outcome = wait_for_values(request, keys_, Stay::surely);
    }
  }
  if (outcome != Outcome::done || request.reply.out().size() != request.reply_begin) {
    return outcome;
  }
  return run_growing(request);
}

void Dispatcher::run_script(Call& call, const Script& script, const Scripts::Request& request,
                            ScriptCalls::Limits limits) {
  CHECK(!script_calls_);
  show_script_to_monitors(call);
  limits.may_run_again = call.is_alone();
  limits.reads = script_reads_;
  script_calls_.emplace(*this, services_, call.connection, call.tx(), limits);
  take_step(call, services_.scripts->run(script, request, *script_calls_));
}

void Dispatcher::go_on_with_script(Call& call) { take_step(call, services_.scripts->go_on()); }

void Dispatcher::take_step(Call& call, Scripts::Step step) {
  switch (step) {
    case Scripts::Step::set_aside:
      if (call.is_alone()) {
        set_aside(call.connection);
      } else {
        call.so_far<PartSetAside>();
      }
      return call.next_turn();
    case Scripts::Step::ended:
      call.reply.raw(services_.scripts->reply());
      note_counted_error(services_.scripts->reply());
      services_.scripts->drop_reply();
      break;
    case Scripts::Step::given_up:
      if (script_calls_->missing() != ScriptCalls::Missing::nothing) return;
      // The server stops. A half of what the script would do is not to be seen by anybody.
      if (script_calls_->has_written()) call.tx().forget();
      call.refuse(kStopping);
  }
  script_calls_.reset();
}

// An error that a command of it has met is counted as that command's, and not once more.
void Dispatcher::note_counted_error(std::string_view reply) {
  const std::string_view counted = script_calls_->counted_error();
  error_counted_ = !counted.empty() && reply.starts_with(counted);
}

// Whoever has seen a part of what it does must see all of it. False: it ends with its next step.
bool Dispatcher::must_go_on() {
  return (exec_ != nullptr && growing_->wrote()) || !services_.scripts->end_unless_it_wrote();
}

// The connection of a script that was set aside is gone.
void Dispatcher::lose_caller(ConnectionState heir) {
  if (!script_calls_) return;  // it has ended
  if (!must_go_on()) return end_scripts();
  // Who is not there is told nothing.
  heir.subscriptions = {};
  heir.tracking.reset();
  heir.monitoring = heir.blocked = false;
  orphan_ = std::make_unique<ConnectionState>(std::move(heir));
  script_calls_->go_on_for(*orphan_);
}

void Dispatcher::go_on_with_orphan() {
  restart_timer();
  if (exec_ != nullptr) return go_on_with_orphaned_exec();
  const Scripts::Step step = services_.scripts->go_on();
  if (step == Scripts::Step::set_aside) return;
  if (step == Scripts::Step::given_up) growing_->forget();
  drop_script();
}

void Dispatcher::go_on_with_orphaned_exec() {
  static const std::function<void()> kNobody = [] {};
  std::string out;
  protocol::ReplyWriter reply(out, orphan_->version);
  Request request{.services = services_,
                  .settings = *settings_,
                  .connection = *orphan_,
                  .words = {},
                  .reply = reply,
                  .now = growing_->now(),
                  .wake = kNobody};
  if (go_on_with_exec(request) == Outcome::done) drop_script();
}

void Dispatcher::end_scripts() {
  if (!script_calls_) return;
  if (must_go_on()) {
    growing_->forget();
  } else {
    while (services_.scripts->go_on() == Scripts::Step::set_aside) {
    }
  }
  drop_script();
}

void Dispatcher::drop_script() {
  script_calls_.reset();
  growing_.reset();
  exec_.reset();
  if (orphan_ != nullptr) end_connection(services_, *orphan_);  // as an EXEC has made it
  orphan_.reset();
}

Dispatcher::~Dispatcher() { end_scripts(); }

}  // namespace sojourn::server
