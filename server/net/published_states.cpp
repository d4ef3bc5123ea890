#include "server/net/published_states.h"

namespace sojourn::server {

void PublishedStates::add(const ConnectionState& state) {
  const std::lock_guard lock(mutex_);
  states_.insert_or_assign(state.id, state);
}

void PublishedStates::update(const std::vector<const ConnectionState*>& states) {
  const std::lock_guard lock(mutex_);
  for (const ConnectionState* state : states) {
    const auto found = states_.find(state->id);
    if (found != states_.end()) found->second = *state;
  }
}

void PublishedStates::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  states_.erase(id);
}

bool PublishedStates::has(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  return states_.contains(id);
}

void PublishedStates::append_to(std::vector<ConnectionState>& list, std::uint64_t except) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, state] : states_) {
    if (id != except) list.push_back(state);
  }
}

}  // namespace sojourn::server
