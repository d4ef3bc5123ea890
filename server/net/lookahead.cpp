#include "server/net/lookahead.h"

#include <algorithm>

#include "server/base/numbers.h"

namespace sojourn::server {
namespace {

// Most commands' only key is their first argument; for the others this is a guess without harm.
// EVAL, EVALSHA and their kin name a script and a number before it.
std::size_t place_of_key(protocol::Words words) {
  constexpr std::string_view kEval = "eval";
  const bool script =
      words.size() > 3 && equal_any_case(words.front().substr(0, kEval.size()), kEval);
  return script ? 3 : 1;
}

}  // namespace

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
    if (const protocol::Words words = glance_.words(); words.size() > 1) {
      keys_.push_back(keyspace_.key(connection.state.database, words[place_of_key(words)]));
    }
    bytes.remove_prefix(glance_.consumed());
    ++requests;
  }
  return requests;
}

}  // namespace sojourn::server
