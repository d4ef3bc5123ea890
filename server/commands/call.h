#pragma once

#include <chrono>
#include <cstdint>
#include <forward_list>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/cache/keyspace.h"
#include "server/cache/transaction.h"
#include "server/commands/command.h"
#include "server/commands/connection_state.h"

namespace sojourn::server {

class Dispatcher;
struct Services;  // services.h: everything of the server a command may use

// A deadline as a command's words gave it: EX, PX, EXAT, PXAT, KEEPTTL, PERSIST or nothing.
struct Expiry {
  enum class Kind : std::uint8_t { none, at, keep, persist } kind = Kind::none;
  Time at = kNever;
};

class Args;

// One request being run: its words, the connection it came from, and where its reply goes.
// Lives on the worker's stack for the length of the command.
class Call {
 public:
  Call(Services& services, ConnectionState& connection, protocol::ReplyWriter& reply,
       const Command& command, protocol::Words words, Transaction* transaction,
       std::span<const Key> keys, Time now)
      : reply(reply),
        connection(connection),
        services(services),
        command(command),
        now(now),
        words_(words),
        transaction_(transaction),
        keys_(keys) {}

  protocol::ReplyWriter& reply;
  ConnectionState& connection;
  Services& services;
  const Command& command;
  const Time now;  // of the whole command; what deadlines are compared with

  // All words, the name(s) too.
  protocol::Words words() const { return words_; }
  // The words after the name (and subcommand).
  Args args();
  // The transaction this runs in: of a command whose row declares keys its own, which holds them;
  // in EXEC that of all that is queued, which for a command with kAllShards holds all shards; else
  // null: the keyspace's own functions then lock what they need.
  Transaction* held() const { return transaction_; }
  // The request's keys, locked before the handler runs; for commands whose row declares keys.
  Transaction& tx() { return *transaction_; }
  std::span<const Key> keys() const { return keys_; }

  // For handlers that run other commands (scripts). Alone: not as one of several commands (EXEC),
  // so that it may wait and go on in another turn.
  enum class Alone : bool { no, yes };
  void run_commands_by(Dispatcher& dispatcher, Alone alone) {
    runner_ = &dispatcher;
    alone_ = alone;
  }
  Dispatcher& runner() { return *runner_; }
  bool is_alone() const { return alone_ == Alone::yes; }

  // What a key holds, with the trace that Redis leaves when it looks for the same reason. To be
  // read: a hit or a miss, and a use unless the connection asked for none (CLIENT NO-TOUCH);
  const Entry* look(const Key& key) {
    return transaction_->find(key, {.counted = true, .used = !connection.no_touch});
  }
  // to tell of it, not of its data (TTL, EXISTS): a hit or a miss, but no use;
  const Entry* glance(const Key& key) {
    return transaction_->find(key, {.counted = true, .used = false});
  }
  // to be changed: no hit or miss, but a use.
  const Entry* look_to_change(const Key& key) {
    return transaction_->find(key, {.counted = false, .used = !connection.no_touch});
  }
  // True, and refused, when there is something of another type.
  bool refuse_unless(const Entry* entry, ValueType type) {
    if (entry == nullptr || entry->type() == type) return false;
    refuse_type();
    return true;
  }

  // What became of a key: see Transaction::note().
  void event(KeyEventClass kind, std::string_view name, const Key& key) {
    transaction_->note(kind, name, key);
  }
  // The same of what was taken out of a collection, perhaps the last of it, and the key with it.
  void event_taken_out(KeyEventClass kind, std::string_view name, const Key& key);

  // Holds a text that the handler made as long as the call, and so until the transaction has it.
  std::string_view keep(std::string text) { return kept_.emplace_front(std::move(text)); }

  // An error reply, "ERR ..." with its code. Nothing may have been changed.
  void refuse(std::string_view error) { reply.error(error); }
  void refuse_type();
  // "ERR wrong number of arguments for 'mset' command"
  void refuse_arity();
  void refuse_subcommand();  // as one that takes other words

  // What a reply must wait for beside the transaction's own changes (FLUSHDB, SWAPDB).
  void hold_until(JournalPosition position) {
    if (position > connection.hold_until) connection.hold_until = position;
  }

  // Ends this run without a reply; the request runs again from its start at or after `time`
  // (DEBUG SLEEP, CLIENT PAUSE), other connections go on.
  void run_again_at(Time time) { again_at_ = time; }
  // Whether it may wait for others to do something. Not in a transaction, and not for who runs a
  // command within another one: it answers at once then.
  bool may_wait() const { return wake != nullptr; }
  // Has the request run again at once, from any thread; may be copied and be called late.
  const std::function<void()>* wake = nullptr;
  std::optional<Time> again_at() const { return again_at_; }

  // For work that would make one turn too long: what was done so far, made by the first run, and
  // the end of a run that leaves the rest to the next turn. The request then runs again from its
  // start; what it has replied stays. May not be refused any more once it has replied.
  template <class T, class... Args>
  T& so_far(Args&&... args) {
    std::unique_ptr<Unfinished>& request = connection.unfinished.request;
    if (request == nullptr) request = std::make_unique<T>(std::forward<Args>(args)...);
    return static_cast<T&>(*request);
  }
  void next_turn() { next_turn_ = true; }
  bool goes_on() const { return next_turn_; }

 private:
  friend class Args;
  protocol::Words words_;
  Transaction* transaction_;
  std::span<const Key> keys_;
  Dispatcher* runner_ = nullptr;
  Alone alone_ = Alone::no;
  std::optional<Time> again_at_;
  bool next_turn_ = false;
  std::forward_list<std::string> kept_;
};

// Reads a command's words from left to right. The first error is kept and asked for once:
//   const Key key = args.key();
//   const Expiry expiry = args.expiry();
//   if (!args.done()) return call.refuse(args.error());
class Args {
 public:
  Args(Call& call, std::size_t first_word);

  bool empty() const { return next_ == words_.size(); }  // no word left
  std::size_t left() const { return words_.size() - next_; }
  std::string_view word();        // "ERR syntax error" if there is none
  std::string_view peek() const;  // "" if there is none
  Key key();                      // the next word, which the row declares to be a key
  std::int64_t integer();         // "ERR value is not an integer or out of range"
  std::int64_t integer(std::string_view error);  // with a text of its own
  std::int64_t integer(std::int64_t min, std::int64_t max, std::string_view error);
  long double real();  // "ERR value is not a valid float"
  double number();     // the same as a double
  double number(std::string_view error);
  // Takes the word if it is this one, any case.
  bool option(std::string_view name);
  // Takes `EX s | PX ms | EXAT s | PXAT ms`, and KEEPTTL or PERSIST where allowed, if it stands
  // next and does not contradict what `into` has already. The number is looked at by done() only,
  // since an error of syntax further right goes before it; `into` must live until then.
  enum class ExpiryWords : std::uint8_t { plain, keepttl, persist };
  bool expiry(Expiry& into, ExpiryWords words);
  // A number of units, from now or from the epoch, as a deadline; it may lie in the past unless it
  // must be positive: "ERR invalid expire time in 'set' command".
  Time deadline(std::string_view number, Millis unit, bool absolute, bool must_be_positive);

  void fail(std::string_view error) {
    if (error_.empty()) error_ = error;
  }
  bool failed() const { return !error_.empty(); }
  // No error, and no word left over ("ERR syntax error" if there is).
  bool complete();
  // complete(), and what expiry() took is a deadline.
  bool done();
  std::string_view error() const { return error_; }

 private:
  // What expiry() took and done() is to convert.
  struct PendingExpiry {
    Expiry* into = nullptr;
    std::string_view option;
    std::string_view number;
    Millis unit{};
    bool absolute = false;
  };

  Call& call_;
  protocol::Words words_;
  std::size_t next_;
  PendingExpiry pending_;
  std::size_t next_key_ = 0;
  std::string error_;
};

}  // namespace sojourn::server
