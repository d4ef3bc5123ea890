#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/cache/keyspace.h"
#include "server/cache/transaction.h"
#include "server/commands/connection_state.h"
#include "server/commands/gates.h"
#include "server/commands/services.h"
#include "server/scripting/script_host.h"

namespace sojourn::server {

class Dispatcher;

// What commands a script may run, and how they are: in its transaction, on its caller's connection,
// with the gates that apply within a script.
class ScriptCalls : public ScriptHost {
 public:
  struct Limits {
    bool read_only = false;
    bool out_of_memory = false;  // when it began
    bool may_run_again = true;   // from its start, if it has changed nothing
    // As before, but for values that are away: so often it was done already.
    std::uint32_t reads = 0;
  };
  ScriptCalls(Dispatcher& dispatcher, Services& services, ConnectionState& connection,
              Transaction& transaction, Limits limits);
  ~ScriptCalls() override;  // the connection is in the database it was in
  // Its caller goes: the script goes on for this one.
  void go_on_for(ConnectionState& heir);

  bool call(std::span<const std::string_view> words, protocol::Version version,
            std::string& reply) override;
  bool may_call(std::span<const std::string_view> words, bool& known) override;
  void log(int level, std::string_view text) override;
  void became_slow() override;
  void became_long() override;

  // What its changes may take until they are written: about as much as a script may have for
  // itself.
  static constexpr std::size_t kChangesMax = 256u << 20;
  // So often a script begins again for values that it did not declare and that are away; then it
  // reads them where it is.
  static constexpr std::uint32_t kReadsMax = 16;

  bool has_written() const { return wrote_; }
  // The last error of a command, which is counted as that command's: "-ERR ...".
  std::string_view counted_error() const { return counted_error_; }
  // What it waits for before it can run again, when it was given up for that: a key on disk, or
  // all.
  enum class Missing : std::uint8_t { nothing, key, all };
  Missing missing() const { return missing_; }
  Key missing_key() const { return services_.keyspace.key(missing_database_, missing_name_); }

 private:
  bool admit(Request& request);
  bool permitted(Request& request);
  bool take_keys(Request& request);
  bool may_begin_again() const { return !acted_ && limits_.may_run_again; }
  bool know(const Key& key, Need need, Request& request);
  bool know_everywhere(Request& request);
  bool give_up_for(Missing missing, Request& request);

  Dispatcher& dispatcher_;
  Services& services_;
  ConnectionState* connection_;
  Transaction& transaction_;
  const Limits limits_;
  const std::uint16_t database_;
  bool wrote_ = false;  // what is stored
  bool acted_ = false;  // it has written, published or changed the server: it cannot begin again
  std::string counted_error_;
  Missing missing_ = Missing::nothing;
  std::string missing_name_;
  std::uint16_t missing_database_ = 0;
  std::vector<Key> keys_;  // of the command that runs
};

}  // namespace sojourn::server
