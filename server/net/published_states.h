#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "server/commands/connection_state.h"

namespace sojourn::server {

// Copies of one worker's connection states for everybody else. The worker puts changes in; the lock
// is held for copies only, so neither side waits for the other's work.
class PublishedStates {
 public:
  void add(const ConnectionState& state);
  // Updates those still here: what was removed stays removed.
  void update(const std::vector<const ConnectionState*>& states);
  void remove(std::uint64_t id);
  bool has(std::uint64_t id) const;
  void append_to(std::vector<ConnectionState>& list, std::uint64_t except) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, ConnectionState> states_;
};

}  // namespace sojourn::server
