#include "server/commands/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/base/check.h"
#include "server/commands/call.h"
#include "server/commands/errors.h"
#include "server/commands/gates.h"
#include "server/commands/key_words.h"
#include "server/commands/monitor.h"
#include "server/commands/registry.h"

namespace sojourn::server {
namespace {

using ReplyMode = ConnectionState::ReplyMode;

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A request's words as an error shows them: what follows a NUL is left out, and so is all beyond
// what the error has room for.
std::string_view shown(std::string_view word, std::size_t room) {
  return word.substr(0, std::min(word.find('\0'), room));
}

constexpr std::size_t kShownMax = 128;

// Who runs the commands of scripts, to the slow log.
const std::string kNoPeer = "?:0";

std::string unknown_command(protocol::Words words) {
  std::string arguments;
  for (std::string_view word : words.subspan(1)) {
    if (arguments.size() >= kShownMax) break;
    fmt::format_to(std::back_inserter(arguments), "'{}' ",
                   shown(word, kShownMax - arguments.size()));
  }
  return fmt::format("ERR unknown command '{}', with args beginning with: {}",
                     shown(words.front(), kShownMax), arguments);
}

std::string unknown_subcommand(protocol::Words words) {
  std::string container(words.front());
  std::transform(container.begin(), container.end(), container.begin(),
                 [](unsigned char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", shown(words[1], kShownMax),
                     container);
}

// No reply is wanted. Pushes are none, though some commands answer with nothing else; but what is
// refused is answered with an error.
void drop_reply(const Request& request) {
  const bool pushed = request.command != nullptr && (request.command->flags & kPushes) != 0;
  if (!pushed || request.rejected) request.reply.out().resize(request.reply_begin);
}

// Tells the request. `wake` is copied: the request may be gone when the record comes.
std::function<void(std::optional<Error>)> when_read(std::shared_ptr<Awaited> reading,
                                                    const Request& request) {
  return [reading = std::move(reading), wake = request.wake,
          &log = request.services.log](std::optional<Error> error) {
    if (error) {
      log.warning("A record could not be read: {}", error->detail);
      reading->error = kUnreadable;
    }
    reading->done.store(true, std::memory_order_release);
    wake();
  };
}

}  // namespace

Dispatcher::Dispatcher(Services& services, WorkerMetrics& metrics, std::string* spare_output)
    : services_(services),
      metrics_(metrics),
      journal_(services.keyspace.journal()),
      channels_(*services.channels),
      spare_output_(spare_output),
      settings_(services.config.current()),
      settings_generation_(services.config.generation()) {}

Dispatcher::Dispatcher(Services& services) : Dispatcher(services, services.metrics.add_worker()) {}

void Dispatcher::restart_timer() { timer_us_ = monotonic_us(); }

void Dispatcher::begin_turn(Time now) {
  turn_ = now;
  services_.gauges->refresh_if_due(services_, now);
  restart_timer();
}

Dispatcher::Outcome Dispatcher::run(ConnectionState& connection, protocol::Words words,
                                    std::string& out, Time now, const std::function<void()>& wake) {
  if (now != turn_) begin_turn(now);
  if (const std::uint64_t generation = services_.config.generation();
      generation != settings_generation_) [[unlikely]] {
    settings_ = services_.config.current();
    settings_generation_ = generation;
  }
  if (connection.reply_mode == ReplyMode::skip_next) connection.reply_mode = ReplyMode::skip_this;
  connection.last_request_at = now;

  protocol::ReplyWriter reply(out, connection.version, spare_output_);
  Request request{.services = services_,
                  .settings = *settings_,
                  .connection = connection,
                  .words = words,
                  .reply = reply,
                  .now = now,
                  .wake = wake,
                  .command = services_.registry.find_row(words),
                  .generation = settings_generation_};
  const Outcome outcome = connection.multi || connection.tracking
                              ? run_with_state(request)
                              : run_if_admitted(request, admit(request));
  if (request.reads > 0) [[unlikely]]
    keep_reads(request, outcome);
  return outcome;
}

// It waits for something else: when it is run again, it has waited for values all the same.
void Dispatcher::keep_reads(const Request& request, Outcome outcome) {
  const bool waits = outcome == Outcome::wait_wakeup || outcome == Outcome::wait_until;
  std::shared_ptr<Awaited>& awaited = request.connection.awaited;
  if (!waits || awaited != nullptr) return;
  awaited = std::make_shared<Awaited>();
  awaited->reads = request.reads;
  awaited->done.store(true, std::memory_order_relaxed);
}

// Of a connection that has said MULTI, WATCH or CLIENT TRACKING.
Dispatcher::Outcome Dispatcher::run_with_state(Request& request) {
  const ConnectionState& connection = request.connection;
  const Outcome outcome =
      connection.multi ? run_in_multi(request) : run_if_admitted(request, admit(request));
  if (connection.tracking && outcome == Outcome::done) end_tracked_request(request);
  return outcome;
}

// What a connection reads that keeps copies is remembered while nobody can change it.
void Dispatcher::track(const Request& request, std::span<const Key> keys, Transaction& within) {
  const ConnectionState& connection = request.connection;
  within.made_by(connection.id);
  if ((request.command->flags & kReadOnly) == 0 || !connection.tracking->remembers()) return;
  within.take_readers();
  const Reader reader{connection.id, static_cast<std::uint32_t>(connection.worker)};
  for (const Key& key : keys) {
    services_.keyspace.tracking().remember({key.name, key.hash}, reader);
  }
}

// CLIENT CACHING is for the request behind it, or for the transaction that begins there.
void Dispatcher::end_tracked_request(const Request& request) {
  ConnectionState& connection = request.connection;
  const Command* const container =
      request.command != nullptr ? request.command->container : nullptr;
  const bool client = container != nullptr && container->group == Group::connection;
  if (!client && !connection.multi.open()) connection.tracking->caching = false;
  services_.keyspace.tracking().trim(settings_->tracking_table_max_keys);
}

Verdict Dispatcher::admit(Request& request, std::uint64_t more_flags) {
  if (!fits(request)) [[unlikely]]
    return turn_away(request);
  request.flags = request.command->flags | more_flags;
  const Verdict verdict = pass_gates(request, again_at_);
  return verdict == Verdict::refuse ? turn_away(request) : verdict;
}

// The reply says why.
Verdict Dispatcher::turn_away(Request& request) {
  request.rejected = true;
  const Command* const command = request.command;
  const bool runs_queue = command != nullptr && (command->flags & kRunsQueue) != 0;
  // It may have been begun when it was still let pass. A part of its reply may have left (not of
  // what is queued), and nothing that is no part of it may follow.
  if (request.connection.unfinished.request != nullptr) {
    request.connection.unfinished.request.reset();
    request.connection.close_after_reply = true;
    if (!runs_queue) request.reply.out().resize(request.reply_begin);
  }
  request.connection.awaited.reset();
  request.connection.first_run_at = Time{};
  if (std::exchange(request.connection.blocked, false)) {
    services_.blocked->remove(request.connection.id);
  }
  if (runs_queue) abort_exec(request);
  return Verdict::refuse;
}

Dispatcher::Outcome Dispatcher::run_if_admitted(Request& request, Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      if (const Outcome outcome = run_row(request); outcome != Outcome::done) {
        if (request.connection.reply_mode != ReplyMode::on) drop_reply(request);
        return outcome;
      }
      break;
    case Verdict::refuse:
      break;
    case Verdict::wait_until:
      return Outcome::wait_until;
    case Verdict::wait_wakeup:
      return Outcome::wait_wakeup;
  }
  return end_request(request);
}

Dispatcher::Outcome Dispatcher::end_request(Request& request) {
  account(request);
  end_reply(request);
  return Outcome::done;
}

// To who does not want replies there is none.
void Dispatcher::end_reply(Request& request) {
  ReplyMode& mode = request.connection.reply_mode;
  if (mode == ReplyMode::on) [[likely]]
    return;
  if (mode != ReplyMode::skip_next) drop_reply(request);
  if (mode == ReplyMode::skip_this) mode = ReplyMode::on;
}

bool Dispatcher::fits(const Request& request) const {
  const Command* command = request.command;
  if (command == nullptr) {
    const bool known = services_.registry.find(request.words.front()) != nullptr;
    request.reply.error(known ? unknown_subcommand(request.words) : unknown_command(request.words));
    return false;
  }
  const auto words = static_cast<std::int64_t>(request.words.size());
  const std::int64_t arity = command->arity.words;
  const bool fit = arity > 0 ? words == arity : words >= -arity;
  if (fit && command->run != nullptr) [[likely]]
    return true;
  request.reply.error(
      fmt::format("ERR wrong number of arguments for '{}' command", command->full_name));
  return false;
}

Dispatcher::Outcome Dispatcher::run_row(Request& request) {
  request.connection.last_command = request.command;
  if (request.command->keys.first != 0 && (request.command->flags & kGrows) == 0) {
    return run_with_keys(request);
  }
  if ((request.command->flags & kGrows) != 0) [[unlikely]]
    return run_growing(request);
  Call call(services_, request.connection, request.reply, *request.command, request.words, nullptr,
            {}, request.now);
  call.wake = &request.wake;
  request.command->run(call);
  return finish_call(request, call);
}

Dispatcher::Outcome Dispatcher::run_with_keys(Request& request) {
  keys_.clear();
  for_each_key(*request.command, request.words, [&](std::string_view name, KeyUse) {
    keys_.push_back(services_.keyspace.key(request.connection.database, name));
  });
  if (!services_.keyspace.settled() || request.connection.awaited != nullptr) [[unlikely]] {
    const std::size_t reply_begin = request.reply.out().size();
    if (const Outcome outcome = wait_for_keys(request); outcome != Outcome::done) return outcome;
    if (request.reply.out().size() != reply_begin) return Outcome::done;  // could not be read
  }
  if (keys_.size() > 1) services_.keyspace.prefetch(keys_);
  Transaction transaction(services_.keyspace, keys_, request.now);
  if (!transaction.began()) [[unlikely]]
    return wait_or_refuse(request);
  if (services_.keyspace.any_away() && lacks_values(request, transaction)) [[unlikely]] {
    transaction.finish();
    const Outcome outcome = wait_for_values(request, keys_);
    return outcome == Outcome::done && !request.replied() ? run_with_keys(request) : outcome;
  }
  Call call(services_, request.connection, request.reply, *request.command, request.words,
            &transaction, keys_, request.now);
  request.command->run(call);
  if (request.connection.tracking) [[unlikely]]
    track(request, keys_, transaction);
  call.hold_until(transaction.finish());
  return finish_call(request, call);
}

Dispatcher::Outcome Dispatcher::wait_for_keys(Request& request) {
  if (const auto read = std::exchange(request.connection.awaited, nullptr);
      read != nullptr && read->done.load(std::memory_order_acquire)) {
    if (!read->error.empty()) {
      request.reply.error(read->error);
      return Outcome::done;
    }
    request.reads = read->reads;
  }
  auto reading = std::make_shared<Awaited>();
  reading->reads = request.reads;
  const auto resolved = services_.keyspace.resolve(keys_, when_read(reading, request));
  return wait_until_read(request, resolved, std::move(reading));
}

bool Dispatcher::lacks_values(const Request& request, Transaction& transaction) const {
  return transaction.lacks(keys_, need_of(*request.command, request.words));
}

// Done, without a reply: they are not away any more. Whatever had to wait once for values comes
// back to find them, even if it needs many and there is room for few: those that are read from then
// on stay until they are used, and longer each time.
Dispatcher::Outcome Dispatcher::wait_for_values(Request& request, std::span<const Key> keys,
                                                Stay stay) {
  constexpr std::uint32_t kSecondsShiftMax = 5;
  auto reading = std::make_shared<Awaited>();
  reading->reads = request.reads + 1;
  const bool stays = request.reads > 0 || stay == Stay::surely;
  const std::chrono::seconds stays_for(stays ? 2 << std::min(request.reads, kSecondsShiftMax) : 0);
  const auto resolved = services_.keyspace.bring_back(keys, stays_for, when_read(reading, request));
  return wait_until_read(request, resolved, std::move(reading));
}

Dispatcher::Outcome Dispatcher::wait_until_read(Request& request, Keyspace::Resolved resolved,
                                                std::shared_ptr<Awaited> reading) {
  if (resolved == Keyspace::Resolved::known) return Outcome::done;
  if (resolved == Keyspace::Resolved::held) return wait_or_refuse(request);
  request.connection.awaited = std::move(reading);
  return Outcome::wait_wakeup;
}

Dispatcher::Outcome Dispatcher::finish_call(Request& request, const Call& call) {
  if (request.connection.unfinished.request != nullptr) [[unlikely]] {
    return finish_step(request, call);
  }
  Time& first_run_at = request.connection.first_run_at;
  if (const auto again_at = call.again_at(); again_at) [[unlikely]] {
    if (first_run_at == Time{}) first_run_at = request.now;
    again_at_ = *again_at;
    return Outcome::wait_until;
  }
  if (first_run_at != Time{}) [[unlikely]] {
    // What it waited for counts as its own time (SLOWLOG of a DEBUG SLEEP).
    timer_us_ -= std::chrono::microseconds(request.now - first_run_at).count();
    first_run_at = Time{};
  }
  return Outcome::done;
}

// Steps count as one command, with the time they took and not that between them.
Dispatcher::Outcome Dispatcher::finish_step(Request& request, const Call& call) {
  std::unique_ptr<Unfinished>& unfinished = request.connection.unfinished.request;
  if (call.goes_on()) {
    const std::int64_t now_us = monotonic_us();
    unfinished->worked_us += now_us - timer_us_;
    timer_us_ = now_us;
    return Outcome::next_turn;
  }
  timer_us_ -= unfinished->worked_us;
  unfinished.reset();
  return Outcome::done;
}

void Dispatcher::account(Request& request) {
  const std::int64_t end_us = monotonic_us();
  const std::int64_t took_us = end_us - timer_us_;
  timer_us_ = end_us;

  ++request.connection.commands;
  WorkerMetrics::add(metrics_.commands);
  const std::string& out = request.reply.out();
  const std::size_t reply_begin = request.reply_begin;
  const bool failed = out.size() > reply_begin && out[reply_begin] == '-';
  if (failed && !std::exchange(error_counted_, false)) [[unlikely]] {
    WorkerMetrics::add(metrics_.error_replies);
    const std::string_view error = std::string_view(out).substr(reply_begin + 1);
    services_.metrics.count_error(error.substr(0, error.find_first_of(" \r")));
  }
  if (request.command == nullptr) return;
  auto& figures = metrics_.per_command[Registry::index_of(*request.command)];
  if (request.rejected) {
    WorkerMetrics::add(figures.rejected);
    return;
  }
  if (channels_.count(TopicKind::monitor) != 0) [[unlikely]]
    show_to_monitors(request);
  WorkerMetrics::add(figures.calls);
  WorkerMetrics::add(figures.microseconds, static_cast<std::uint64_t>(took_us));
  if (settings_->latency_tracking) figures.count_latency(static_cast<std::uint64_t>(took_us));
  if (failed) WorkerMetrics::add(figures.failed);
  const Millis long_time = settings_->latency_monitor_threshold;
  if (long_time > Millis(0) && took_us / 1000 >= long_time.count()) [[unlikely]] {
    const bool fast = (request.command->flags & kFast) != 0;
    services_.latency->add(fast ? "fast-command" : "command", request.now,
                           std::chrono::microseconds(took_us));
  }
  const std::int64_t slow_us = settings_->slowlog_log_slower_than_us;
  if (slow_us >= 0 && took_us >= slow_us) [[unlikely]]
    log_slow(request, took_us);
}

void Dispatcher::refuse_held(Request& request) {
  request.rejected = true;
  account(request);
}

void Dispatcher::log_slow(const Request& request, std::int64_t took_us) {
  const Command& command = *request.command;
  if ((command.flags & kSkipSlowlog) != 0) return;
  const bool of_keys = (command.flags & (kWrite | kReadOnly)) != 0 || command.keys.first != 0;
  const bool secret = (command.flags & kSecretWords) != 0 || (settings_->log_redact && of_keys);
  const auto names = static_cast<std::size_t>(command.name_words());
  const bool inner = request.within_script;
  services_.slowlog.add({.id = 0,
                         .at = request.now,
                         .took = std::chrono::microseconds(took_us),
                         .words = redact(request.words, secret ? names : request.words.size()),
                         .peer = inner ? kNoPeer : request.connection.peer_address,
                         .connection_name = inner ? std::string() : request.connection.name},
                        settings_->slowlog_max_len);
}

}  // namespace sojourn::server
