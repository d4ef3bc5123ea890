#pragma once

#include <cstddef>
#include <string_view>

#include "server/base/result.h"

namespace sojourn::server {

// What a script says of itself in its first line: "#!lua flags=no-writes,allow-oom".
struct Shebang {
  bool there = false;
  bool no_writes = false;
  bool allow_oom = false;
  std::size_t bytes = 0;  // the line without its end, so that lines keep their numbers
};

// Fails with Redis's words for what is wrong.
Result<Shebang> read_shebang(std::string_view text);

}  // namespace sojourn::server
