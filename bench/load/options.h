#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace sojourn::load {

enum class Workload {
  get,      // GET
  set,      // SET with a TTL
  mix,      // ten GETs for each SET with a TTL
  touch,    // GET and EXPIRE of the same key, in turn
  hash,     // HGETALL and HSET of one field of the same key, in turn
  evalsha,  // a script that does GET and EXPIRE of one key; whoever starts the server loads it
};

struct Options {
  std::string host = "127.0.0.1";  // an IPv4 address
  std::uint16_t port = 6379;
  bool tls = false;
  Workload workload = Workload::get;
  bool fill = false;  // instead, makes every key that the workload asks for, once, in order
  std::uint64_t keys = 1'000'000;
  std::uint64_t first_key = 0;  // to fill
  std::size_t value_bytes = 512;
  std::chrono::seconds ttl{1800};
  std::size_t connections = 50;
  std::size_t threads = 1;
  std::size_t in_flight = 1;           // requests on each connection
  std::uint64_t requests = 1'000'000;  // not for fill
  std::chrono::seconds duration{0};    // if not 0, this counts and not the number of requests
  double rate = 0;                     // requests a second over all connections; 0: a closed loop
  std::chrono::milliseconds slice{0};  // if not 0, what came in each is told by itself
  double zipf = 0;                     // exponent; 0: all keys alike
  std::uint64_t seed = 1;
};

extern const char* const kUsage;

std::string_view name_of(const Options& options);

// Throws std::invalid_argument with a line for people.
Options parse_options(int argc, char** argv);

}  // namespace sojourn::load
