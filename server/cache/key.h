#pragma once

#include <cstdint>
#include <string_view>

namespace sojourn::server {

// A Redis key of one command, hashed once. The hash does not depend on the database, so that a key
// keeps its shard when it moves to another one. Made by Keyspace::key().
struct Key {
  std::string_view name;
  std::uint64_t hash = 0;
  std::uint16_t database = 0;  // as SELECT counts them

  Key in(std::uint16_t other) const { return {name, hash, other}; }
};

// What must be in RAM of a key for what is done with it.
enum class Need : std::uint8_t {
  key,    // all but its value
  touch,  // enough to write another deadline: where one field of a hash has changed since its
          // record was written, both stand in one row
  value,
};

}  // namespace sojourn::server
