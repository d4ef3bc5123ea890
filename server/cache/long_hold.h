#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "server/cache/keyspace.h"

namespace sojourn::server {

// What there is to know of the one transaction that may hold shards for long: who waits for it, and
// the figures of its shards as it found them when it said so, for those who do not wait.
class LongHold {
 public:
  using Ready = std::function<void()>;

  // --- by the transaction; begin() and leave() before anybody can find the shards held for long
  // ---
  void begin();
  void leave(std::size_t shard, Keyspace::Totals totals);
  void leave_all(Keyspace::Totals totals);  // of all shards, in place of each one's
  // The shards are free again. Returns who waits, to be called once nothing is held any more.
  std::vector<Ready> end();

  // --- any thread ---
  void when_let_go(Ready ready);  // see Keyspace
  void tell_waiting();
  enum class Left : std::uint8_t { nothing, shard, all };
  // Adds what was left of this shard. `all`: what `totals` has now is of all shards.
  Left add(std::size_t shard, Keyspace::Totals& totals) const;

 private:
  mutable std::mutex mutex_;
  bool held_ = false;
  std::vector<Ready> waiting_;
  std::unordered_map<std::size_t, Keyspace::Totals> left_;
  std::optional<Keyspace::Totals> left_of_all_;
};

}  // namespace sojourn::server
