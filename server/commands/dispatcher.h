#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/commands/connection_state.h"
#include "server/commands/gates.h"
#include "server/commands/script_calls.h"
#include "server/commands/services.h"

namespace sojourn::server {

class Call;

// Runs one request: look-up, gates, keys, handler, reply. Holds scratch space and the settings of
// the last run; each worker has its own. Threading: one thread.
//
// Counts commands, error replies and what each command took, in `metrics`; bytes and connections
// are the caller's to count.
class Dispatcher {
 public:
  // `spare_output`: memory for large replies, see protocol::ReplyWriter.
  Dispatcher(Services& services, WorkerMetrics& metrics, std::string* spare_output = nullptr);
  explicit Dispatcher(Services& services);  // counts in metrics of its own
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  enum class Outcome : std::uint8_t {
    done,         // the reply is in the buffer (or is not wanted: CLIENT REPLY OFF)
    wait_wakeup,  // nothing was done; run the same request again once `wake` was called
    wait_until,   // nothing was done; run the same request again at `again_at()`
    next_turn,    // a part was done, and a part of the reply may be in the buffer; run the same
                  // request again in the next turn
  };
  // `words`, at least one, must hold during the call only. `now` is the clock's at the start of the
  // worker's turn. `wake` is called at most once, from any thread, and only after wait_wakeup was
  // returned or is about to be.
  Outcome run(ConnectionState& connection, protocol::Words words, std::string& out, Time now,
              const std::function<void()>& wake);
  Time again_at() const { return again_at_; }

  // Commands are timed from the end of the one before, which spares half of the clock's readings.
  // To be called when time has passed that belongs to none: before the first request of a
  // connection's batch. Where it is not, the first request of each new `now` is timed alone.
  void restart_timer();
  // The monotonic clock as it was read last: when a command ended, or at restart_timer().
  std::chrono::microseconds timer() const { return std::chrono::microseconds(timer_us_); }

  // --- for commands that run others ---
  const Settings& settings() const { return *settings_; }
  // Runs one of several commands that are one, to its end. The transaction holds its keys, or, if
  // it has kAllShards, all shards. False, and it goes on with the next call, for a script of an
  // EXEC that was set aside.
  bool run_held(Request& request, Transaction& transaction, std::span<const Key> keys);
  // Counts one that was not let run; the reply says why.
  void refuse_held(Request& request);
  // A script, in the call's transaction; the call has its reply afterwards, or goes on.
  void run_script(Call& call, const Script& script, const Scripts::Request& request,
                  ScriptCalls::Limits limits);
  void go_on_with_script(Call& call);
  // The request has waited for values that were away.
  bool has_read_for_script() const { return script_reads_ > 0; }

  // --- a script (or the EXEC it is in) that has written goes on without the connection it ran for
  // ---
  bool has_orphan() const { return orphan_ != nullptr; }
  void go_on_with_orphan();  // once in a turn while there is one
  // No turn follows. What has written must be given up now, and nothing of it is kept: the process
  // is about to end.
  void end_scripts();

 private:
  class SetAside;
  class PartSetAside;
  // An EXEC with a script in it, which may take many turns.
  struct GrowingExec {
    explicit GrowingExec(OwnMulti queue, protocol::Version version)
        : multi(std::move(queue)), reply(replies, version) {}
    OwnMulti multi;
    std::size_t next = 0;              // of what is queued
    std::unique_ptr<Unfinished> part;  // what that one has got to, when it was set aside
    std::string replies;               // so far; nothing is acknowledged before all of it is done
    protocol::ReplyWriter reply;
  };
  void begin_turn(Time now);
  static void keep_reads(const Request& request, Outcome outcome);
  // `unfit`: nothing the row says applies; the reply is an error. Returns false then.
  bool fits(const Request& request) const;
  // Its form and the gates. `more_flags`: what they ask beside what the row says.
  Verdict admit(Request& request, std::uint64_t more_flags = 0);
  Verdict turn_away(Request& request);
  Outcome run_if_admitted(Request& request, Verdict verdict);
  Outcome end_request(Request& request);
  void end_reply(Request& request);
  Outcome run_row(Request& request);
  Outcome run_with_keys(Request& request);
  Outcome wait_for_keys(Request& request);
  bool lacks_values(const Request& request, Transaction& transaction) const;
  enum class Stay : bool { maybe, surely };
  Outcome wait_for_values(Request& request, std::span<const Key> keys, Stay stay = Stay::maybe);
  Outcome wait_until_read(Request& request, Keyspace::Resolved resolved,
                          std::shared_ptr<Awaited> reading);
  Outcome finish_call(Request& request, const Call& call);
  Outcome finish_step(Request& request, const Call& call);
  void account(Request& request);
  void log_slow(const Request& request, std::int64_t took_us);
  Outcome run_with_state(Request& request);
  void track(const Request& request, std::span<const Key> keys, Transaction& within);
  void end_tracked_request(const Request& request);

  // exec.cpp: connections that have said MULTI or WATCH
  Outcome run_in_multi(Request& request);
  Outcome queue(Request& request);
  Outcome exec(Request& request);
  Outcome begin_exec(Request& request);
  Outcome exec_at_once(Request& request);
  Outcome exec_growing(Request& request);
  Outcome go_on_with_exec(Request& request);
  bool run_queued(Request& exec, const QueuedRequest& queued, protocol::ReplyWriter& reply,
                  Transaction& transaction);
  bool run_within(Request& request, Transaction& transaction);
  void bound_multi(Request& request);
  static void abort_exec(Request& request);
  bool queue_lacks_values(Request& request, Transaction& transaction);
  Outcome exec_with_values(Request& request);
  bool still_permitted(Request& part);

  // growing.cpp: commands that take more than the keys they name
  Outcome run_growing(Request& request);
  Outcome wait_for_missing(Request& request);
  Outcome wait_or_refuse(Request& request);
  void take_step(Call& call, Scripts::Step step);
  Unfinished& set_aside(ConnectionState& caller);
  void note_counted_error(std::string_view reply);
  bool must_go_on();
  void go_on_with_orphaned_exec();
  void lose_caller(ConnectionState heir);
  void drop_script();

  Services& services_;
  WorkerMetrics& metrics_;
  Journal& journal_;
  Channels& channels_;
  std::string* const spare_output_;
  std::shared_ptr<const Settings> settings_;  // also Config's; here so that it outlives a run
  std::uint64_t settings_generation_ = 0;
  Time turn_{};
  std::int64_t timer_us_ = 0;
  Time again_at_{};
  std::vector<Key> keys_;
  std::vector<Key> queued_keys_;  // of the one of several commands that runs
  std::vector<Key> value_keys_;   // those of an EXEC that are needed with their values
  std::uint32_t script_reads_ = 0;
  // Of the one that grows, of the EXEC it is, and of its script; kept from turn to turn while that
  // is set aside.
  std::optional<Transaction> growing_;
  std::unique_ptr<GrowingExec> exec_;
  std::optional<ScriptCalls> script_calls_;
  bool error_counted_ = false;               // the reply is an error of a command within the script
  std::unique_ptr<ConnectionState> orphan_;  // in place of the script's connection, which is gone
};

}  // namespace sojourn::server
