#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/commands/connection_state.h"

namespace sojourn::server {

// All connections of the server, as CLIENT LIST, KILL and PAUSE need them. Implemented by net/;
// tests have one of their own. Threading: any thread; no call waits for another worker.
class Connections {
 public:
  virtual ~Connections() = default;

  // Copies of all connections' states, taken at the end of each worker's last turn at most a moment
  // ago; of `self`, the state as it is.
  virtual std::vector<ConnectionState> list(const ConnectionState& self) const = 0;
  // Which worker has this connection, as long as it is there.
  virtual std::optional<std::size_t> worker_of(std::uint64_t id) const = 0;
  // Closes these connections soon after; their workers do it.
  virtual void close(const std::vector<std::uint64_t>& ids) = 0;
  // Users were changed: closes, soon after, each connection for which follow_user() says so.
  virtual void review() = 0;

  enum class Pause : std::uint8_t { none, writes, all };
  virtual void pause(Pause what, Time until) = 0;
  virtual Pause paused(Time now) const = 0;

  virtual std::size_t count() const = 0;
  // Ends the process in good order, soon after.
  virtual void shutdown() = 0;
};

}  // namespace sojourn::server
