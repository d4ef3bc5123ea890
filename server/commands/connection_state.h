#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/reply_writer.h"
#include "server/base/clock.h"
#include "server/cache/journal.h"
#include "server/commands/client_tracking.h"
#include "server/commands/command.h"
#include "server/commands/multi.h"
#include "server/commands/subscriptions.h"
#include "server/commands/unfinished.h"

namespace sojourn::server {

class User;

// How work ended that another thread does for a request that waits for it (a cold read, SAVE,
// CONFIG REWRITE). Two owners: the connection that waits, and whoever does the work, since either
// may be gone first. `error` is written before `done` is set, and read after.
struct Awaited {
  std::atomic<bool> done{false};
  std::string error;        // an error reply; empty when all went well
  std::uint32_t reads = 0;  // of values, with this one, for the same request
};

// What the commands know of one connection. Owned and changed by its worker only, between requests
// or within one; other threads see it through Connections (below), which copies what it shows.
struct ConnectionState {
  std::uint64_t id = 0;
  std::string peer_address;  // "127.0.0.1:40312", or "/path/of/socket:0"
  std::string local_address;
  std::string name;          // CLIENT SETNAME
  std::string library_name;  // CLIENT SETINFO
  std::string library_version;
  // Whom it acts as, as he was in user_seen_in; null: the default user. Two owners: Users, and
  // this until it follows a change (follow_user()).
  std::shared_ptr<const User> user;
  // Generations of the configuration: the last in which it looked, and the last in which it was
  // found to be allowed everything, which then is all that a request asks.
  std::uint64_t user_seen_in = 0;
  std::uint64_t unrestricted_in = 0;
  bool authenticated = false;
  std::uint16_t database = 0;
  protocol::Version version = protocol::Version::resp2;
  bool no_touch = false;  // CLIENT NO-TOUCH: reads leave access times alone
  bool no_evict = false;  // CLIENT NO-EVICT
  enum class ReplyMode : std::uint8_t { on, off, skip_next, skip_this } reply_mode = ReplyMode::on;
  bool close_after_reply = false;
  bool blocked = false;  // its request waits for others: see BlockedRequests
  bool monitoring = false;
  // An EXEC ran commands that change what CLIENT LIST shows of this.
  bool shown_changed = false;
  Time connected_at{};
  Time last_request_at{};
  const Command* last_command = nullptr;
  std::uint64_t commands = 0;
  // Replies already in the output may leave once the journal has released this place.
  JournalPosition hold_until = 0;
  // For CLIENT LIST; kept by net.
  std::size_t input_bytes = 0;     // received and not run
  std::size_t input_capacity = 0;  // the memory for it
  std::size_t output_bytes = 0;    // replies not sent
  std::size_t output_capacity = 0;
  std::size_t output_capacity_max = 0;  // so far
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  int worker = 0;
  int descriptor = -1;
  // A request that had to wait says here, when it is run again, what it has been through.
  Time slept_until{};
  Time first_run_at{};
  std::shared_ptr<Awaited> awaited;
  OwnUnfinished unfinished;
  OwnMulti multi;
  Subscriptions subscriptions;
  OwnTracking tracking;

  // Messages come to it, not only replies.
  bool is_told() const { return subscriptions.any() || tracking || monitoring; }
  // A part of the reply to what runs is in the output, or may be: nothing else may follow it yet.
  bool is_amid_reply() const { return unfinished.request != nullptr; }
};

}  // namespace sojourn::server
