#include "server/net/lookahead.h"

#include <algorithm>

namespace sojourn::server {

void Lookahead::add(Connection& connection, std::string_view bytes) {
  constexpr std::size_t kCacheLine = 64;
  used_ += (bytes.size() + kCacheLine - 1) / kCacheLine * kCacheLine;
  arrivals_.push_back({&connection, bytes, foresee(connection, bytes)});
}

void Lookahead::fetch_keys() {
  if (keys_.size() > 1) keyspace_.prefetch(keys_);
  keys_.clear();
}

void Lookahead::clear() {
  arrivals_.clear();
  used_ = 0;
}

std::size_t Lookahead::look_ahead(const Connection& connection, std::string_view bytes) {
  const std::size_t foreseen = foresee(connection, bytes);
  fetch_keys();
  return std::max<std::size_t>(1, foreseen);
}

std::size_t Lookahead::foresee(const Connection& connection, std::string_view bytes) {
  using Status = protocol::RequestParser::Status;
  // Going over the first part of a long request again with each piece that comes would cost more
  // than it can gain.
  if (connection.parser.in_request()) return 0;
  std::size_t requests = 0;
  glance_.reset();
  while (keys_.size() < Keyspace::kPrefetchMax && requests < Keyspace::kPrefetchMax &&
         glance_.parse(bytes) == Status::request) {
    // Most commands' only key is their first argument; for the others this is a guess without harm.
    if (const protocol::Words words = glance_.words(); words.size() > 1) {
      keys_.push_back(keyspace_.key(connection.state.database, words[1]));
    }
    bytes.remove_prefix(glance_.consumed());
    ++requests;
  }
  return requests;
}

}  // namespace sojourn::server
