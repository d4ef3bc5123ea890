#include "server/commands/server_info.h"

#include <fmt/format.h>

#include <random>

namespace sojourn::server {

std::string new_run_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 5; ++i) fmt::format_to(std::back_inserter(id), "{:08x}", random());
  return id;
}

}  // namespace sojourn::server
