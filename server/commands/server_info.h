#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/base/clock.h"

namespace sojourn::server {

inline constexpr std::string_view kVersion = SOJOURN_VERSION;
// What clients that ask are told: the Redis whose commands and replies these are.
inline constexpr std::string_view kRedisVersion = "7.2.4";

// 40 random hex digits, as Redis names one run of a server.
std::string new_run_id();

// What does not change while the process lives; main fills it before serving.
struct ServerInfo {
  Time started_at{};
  std::string run_id = new_run_id();
  std::string executable = {};   // absolute
  std::string config_file = {};  // absolute; empty if there is none
  std::uint16_t tcp_port = 0;    // the one bound; 0: none
  std::size_t workers = 1;
};

}  // namespace sojourn::server
