#pragma once

#include <cstdint>
#include <string_view>

namespace sojourn::server {

// A connection that keeps copies of what it reads, and the worker that has it for as long as it
// lives.
struct Reader {
  std::uint64_t connection = 0;
  std::uint32_t worker = 0;

  bool operator==(const Reader&) const = default;
};

// A key, whatever its database: as in Redis a copy is old when a key of that name has changed in
// any of them. The hash depends on the name alone, and cannot be foreseen by strangers.
struct TrackedName {
  std::string_view text;
  std::uint64_t hash = 0;
};

}  // namespace sojourn::server
