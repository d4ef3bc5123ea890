#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/request_parser.h"
#include "server/cache/keyspace.h"
#include "server/net/connection.h"
#include "server/net/worker_limits.h"

namespace sojourn::server {

// What some connections have just sent, before it runs: the memory it arrives in, and a look ahead
// at the keys it names, so that all of them are fetched from memory at once. A look-up in a large
// table waits for memory two or three times; a group of them waits as often as one.
class Lookahead {
 public:
  struct Arrival {
    Connection* connection;
    std::string_view bytes;  // holds until clear()
    std::size_t foreseen;    // requests at the front of `bytes` whose keys are fetched
  };

  explicit Lookahead(const Keyspace& keyspace) : keyspace_(keyspace) {}

  // Another connection's bytes fit, and waiting for them is worth it.
  bool has_room() const {
    return arrivals_.size() < kArrivalsMax && keys_.size() < Keyspace::kPrefetchMax &&
           used_ + kScratchBytes <= kMemoryBytes;
  }
  // kScratchBytes of room; has_room() must hold.
  char* room() { return memory_.get() + used_; }
  // `bytes`, at the start of room(), are a connection's.
  void add(Connection& connection, std::string_view bytes);
  // Has the keys of all that was added fetched.
  void fetch_keys();
  std::span<const Arrival> all() const { return arrivals_; }
  void clear();

  // The same for one connection's further requests, when those foreseen have run. Returns how many
  // were foreseen now, at least 1.
  std::size_t look_ahead(const Connection& connection, std::string_view bytes);

 private:
  static constexpr std::size_t kArrivalsMax = 16;
  static constexpr std::size_t kMemoryBytes = 2 * kScratchBytes;

  std::size_t foresee(const Connection& connection, std::string_view bytes);

  const Keyspace& keyspace_;
  const std::unique_ptr<char[]> memory_ = std::make_unique_for_overwrite<char[]>(kMemoryBytes);
  std::size_t used_ = 0;
  std::vector<Arrival> arrivals_;
  std::vector<Key> keys_;
  protocol::RequestParser glance_;
};

}  // namespace sojourn::server
